// @ts-check
/** Shared with the connect page, so that both use the same language. */
const storageKey = 'marketplace.language';

/**
 * Shows the saved language, else the browser's, else Russian, and keeps the switch working.
 * @param {(language: string) => void} onChoice
 */
export const startLanguages = (onChoice) => {
  const buttons = [...document.querySelectorAll('[data-language]')];
  /** @param {string} language */
  const show = (language) => {
    document.documentElement.lang = language;
    for (const button of buttons) {
      button.setAttribute('aria-pressed', String(button.getAttribute('data-language') === language));
    }
  };
  for (const button of buttons) {
    button.addEventListener('click', () => {
      const language = button.getAttribute('data-language') ?? 'ru';
      localStorage.setItem(storageKey, language);
      show(language);
      onChoice(language);
    });
  }
  const preferredLanguages = [localStorage.getItem(storageKey) ?? '', ...navigator.languages];
  show(preferredLanguages.map((tag) => tag.slice(0, 2)).find((tag) => tag === 'ru' || tag === 'en') ?? 'ru');
};
