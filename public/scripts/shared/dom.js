// @ts-check
/**
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 * @throws {Error} if the page has no such element of this type
 */
export const byId = (id, type) => {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`Missing ${type.name} #${id} in the page`);
};

/**
 * Writes only changes, so that screen readers announce a text once.
 * @param {Element} element
 * @param {string} text
 */
export const setText = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | undefined} value undefined removes the attribute
 */
export const setAttribute = (element, name, value) => {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};
