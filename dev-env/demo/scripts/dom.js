// @ts-check
/** @typedef {Readonly<{ ru: string, en: string }>} Text */

/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export const byId = (id, type) => {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`Missing ${type.name} #${id} in the page`);
};

/**
 * @param {string} tag
 * @param {Readonly<Record<string, string>>} attributes
 * @param {...(Node | string)} children
 */
export const createElement = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

/**
 * A text in both languages; the style sheet shows the one that was chosen.
 * @param {Text} text
 */
export const bilingual = ({ ru, en }) => {
  const fragment = document.createDocumentFragment();
  fragment.append(createElement('span', { lang: 'ru' }, ru), createElement('span', { lang: 'en' }, en));
  return fragment;
};

/**
 * Sets a text only when it differs, so that a screen reader announces changes only.
 * @param {Element} element
 * @param {Text} text
 */
export const setText = (element, text) => {
  const key = `${text.ru}\n${text.en}`;
  if (element.getAttribute('data-said') === key) return;
  element.setAttribute('data-said', key);
  element.replaceChildren(bilingual(text));
};

export const emptyText = { ru: '', en: '' };

/**
 * Keeps one child for each item, in their order. A child is rebuilt only when its item has changed.
 * @template {{ id: string | number }} Item
 * @param {Element} list
 * @param {readonly Item[]} items
 * @param {(item: Item) => HTMLElement} render
 * @returns {boolean} whether anything changed
 */
export const syncList = (list, items, render) => {
  const old = new Map([...list.children].map((child) => [child.getAttribute('data-id'), child]));
  let changed = old.size !== items.length;
  const children = items.map((item) => {
    const id = String(item.id);
    const version = JSON.stringify(item);
    const known = old.get(id);
    if (known?.getAttribute('data-version') === version) return known;
    changed = true;
    const child = render(item);
    child.setAttribute('data-id', id);
    child.setAttribute('data-version', version);
    return child;
  });
  if (changed) keepingFocus(list, () => list.replaceChildren(...children));
  return changed;
};

/**
 * @param {Element} list
 * @param {() => void} change
 */
const keepingFocus = (list, change) => {
  const focused = document.activeElement;
  const path = list.contains(focused)
    ? {
        id: focused?.closest('[data-id]')?.getAttribute('data-id'),
        action: focused?.getAttribute('data-action'),
      }
    : undefined;
  change();
  if (path === undefined) return;
  const row = list.querySelector(`[data-id="${path.id}"]`);
  const again =
    row?.querySelector(`[data-action="${path.action}"]`) ?? row?.querySelector('[data-action]') ?? list;
  if (again instanceof HTMLElement) again.focus();
};

/**
 * The values of a form.
 * @param {HTMLFormElement} form
 * @returns {Record<string, string>}
 */
export const textsOf = (form) =>
  Object.fromEntries(
    Array.from(new FormData(form), ([name, value]) => [name, typeof value === 'string' ? value : '']),
  );
