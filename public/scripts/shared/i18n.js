// @ts-check
/** @typedef {'ru' | 'en'} Language */

/** @type {readonly Language[]} */
export const languages = ['ru', 'en'];

/**
 * @param {string} tag such as `en` or `ru-RU`
 * @returns {Language | undefined}
 */
const languageFromTag = (tag) => languages.find((language) => tag.toLowerCase().split('-')[0] === language);

/**
 * `?lang=` of the URL, else the saved choice, else the first supported browser language, else Russian.
 * @param {{ requested: string | null, saved: string | null, browser: readonly string[] }} preferences
 * @returns {Language}
 */
export const chooseLanguage = ({ requested, saved, browser }) =>
  [requested, saved, ...browser].map((tag) => languageFromTag(tag ?? '')).find((language) => language) ??
  'ru';

/** @typedef {(key: string, values?: Readonly<Record<string, string>>) => string} Translate */

/**
 * @param {unknown} locale
 * @param {string} key
 * @returns {string | undefined}
 */
const lookUp = (locale, key) => {
  let found = locale;
  for (const step of key.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    /** @type {unknown} */
    const next = Reflect.get(found, step);
    found = next;
  }
  return typeof found === 'string' ? found : undefined;
};

/**
 * @param {unknown} locale nested objects of texts; a key names a path through them
 * @returns {Translate} answers the key itself for a text that is missing; `{name}` is replaced by the value of that name
 */
export const createTranslate =
  (locale) =>
  (key, values = {}) =>
    (lookUp(locale, key) ?? key).replaceAll(
      /\{(\w+)\}/gu,
      (match, /** @type {string} */ name) => values[name] ?? match,
    );

/**
 * @param {string} iso
 * @param {string} language
 * @returns {string} such as `22 ноября в 14:30`; empty for what is no time
 */
export const formatDateTime = (iso, language) => {
  const ms = Date.parse(iso);
  if (Number.isNaN(ms)) return '';
  return new Intl.DateTimeFormat(language, {
    day: 'numeric',
    month: 'long',
    hour: '2-digit',
    minute: '2-digit',
  }).format(ms);
};

/**
 * Writes the texts of every element that names one: `data-i18n="key"` for its text, `data-i18n-label` for its accessible
 * name, `data-i18n-alt` for the text instead of its picture.
 * @param {Document} page
 * @param {Translate} translate
 */
export const translatePage = (page, translate) => {
  for (const element of page.querySelectorAll('[data-i18n]')) {
    element.textContent = translate(element.getAttribute('data-i18n') ?? '');
  }
  for (const [mark, attribute] of [
    ['data-i18n-label', 'aria-label'],
    ['data-i18n-alt', 'alt'],
  ]) {
    if (mark === undefined || attribute === undefined) continue;
    for (const element of page.querySelectorAll(`[${mark}]`)) {
      element.setAttribute(attribute, translate(element.getAttribute(mark) ?? ''));
    }
  }
};
