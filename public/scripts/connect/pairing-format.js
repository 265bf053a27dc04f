// @ts-check
/**
 * An eight-character pairing code as WhatsApp displays it: `ABCD-EFGH`.
 * @param {string} code
 */
export const formatPairingCode = (code) => {
  const characters = code.replaceAll(/[^0-9a-z]/giu, '').toUpperCase();
  return characters.length === 8 ? `${characters.slice(0, 4)}-${characters.slice(4)}` : code;
};

/**
 * Removes spaces, brackets, dots and dashes from a typed phone number.
 * @param {string} typed
 * @returns {string | undefined} undefined if it cannot be a phone number; the server validates the rest
 */
export const parsePhone = (typed) => {
  const phone = typed.slice(0, 32).replaceAll(/[\s()\u2010-\u2015.-]/gu, '');
  return /^\+?\d{10,15}$/u.test(phone) ? phone : undefined;
};
