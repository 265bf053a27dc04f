// @ts-check
/** @import { Language, Translate } from './i18n.js' */

import { chooseLanguage, createTranslate, languages, translatePage } from './i18n.js';
import { safeStorage } from './safe-storage.js';

const storageKey = 'marketplace.language';

/**
 * @param {Language} language
 * @returns {Promise<Translate>}
 */
const loadTranslate = async (language) => {
  const response = await fetch(`/marketplace/assets/locales/${language}.json`);
  if (!response.ok) throw new Error(`Locale ${language} failed to load: HTTP ${response.status}`);
  return createTranslate(await response.json());
};

/**
 * Translates the page into the visitor's language and sets up the language switch.
 * @param {(translate: Translate, language: Language) => void} onLanguage called once at the start and after every switch
 */
export const startPage = async (onLanguage) => {
  const storage = safeStorage(() => window.localStorage);
  /** @type {HTMLButtonElement[]} */
  const buttons = [...document.querySelectorAll('button[data-language]')].filter(
    (button) => button instanceof HTMLButtonElement,
  );

  /** @param {Language} language */
  const show = async (language) => {
    const translate = await loadTranslate(language);
    document.documentElement.lang = language;
    document.title = translate(document.documentElement.dataset['title'] ?? 'brand');
    translatePage(document, translate);
    for (const button of buttons) {
      button.setAttribute('aria-pressed', String(button.dataset['language'] === language));
    }
    onLanguage(translate, language);
  };

  /** @param {Language} language */
  const selectLanguage = async (language) => {
    await show(language);
    storage.setItem(storageKey, language);
    const address = new URL(location.href);
    if (address.searchParams.has('lang')) {
      address.searchParams.set('lang', language);
      history.replaceState(history.state, '', address);
    }
  };

  for (const button of buttons) {
    const language = languages.find((known) => known === button.dataset['language']);
    if (language) button.addEventListener('click', () => void selectLanguage(language).catch(reportError));
  }
  await show(
    chooseLanguage({
      requested: new URL(location.href).searchParams.get('lang'),
      saved: storage.getItem(storageKey),
      browser: navigator.languages,
    }),
  );
};
