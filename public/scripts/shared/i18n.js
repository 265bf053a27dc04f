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
const lookup = (locale, key) => {
  let value = locale;
  for (const step of key.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    /** @type {unknown} */
    const child = Reflect.get(value, step);
    value = child;
  }
  return typeof value === 'string' ? value : undefined;
};

/**
 * @param {unknown} locale nested objects of texts; a key names a path through them
 * @returns {Translate} returns the key for a missing text; `{name}` is replaced by the value of that name
 */
export const createTranslate =
  (locale) =>
  (key, values = {}) =>
    (lookup(locale, key) ?? key).replaceAll(
      /\{(\w+)\}/gu,
      (match, /** @type {string} */ name) => values[name] ?? match,
    );

/**
 * @param {string} iso
 * @param {string} language
 * @returns {string} such as `22 ноября в 14:30`; empty for an invalid time
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
 * Translates every element with `data-i18n` (text), `data-i18n-label` (`aria-label`) or `data-i18n-alt` (`alt`).
 * @param {Document} page
 * @param {Translate} translate
 */
export const translatePage = (page, translate) => {
  for (const element of page.querySelectorAll('[data-i18n]')) {
    element.textContent = translate(element.getAttribute('data-i18n') ?? '');
  }
  for (const [marker, attribute] of [
    ['data-i18n-label', 'aria-label'],
    ['data-i18n-alt', 'alt'],
  ]) {
    if (marker === undefined || attribute === undefined) continue;
    for (const element of page.querySelectorAll(`[${marker}]`)) {
      element.setAttribute(attribute, translate(element.getAttribute(marker) ?? ''));
    }
  }
};
