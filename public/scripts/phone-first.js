// @ts-check
/** A phone: it cannot scan the code on its own screen. A tablet is large enough to be held before another phone. */
const phoneMediaQuery = '(pointer: coarse) and (max-width: 55.99rem)';

/**
 * On the phone itself the form for a code to type stands open and before the QR code, also for the keyboard.
 * @param {HTMLDetailsElement} pairing
 */
export const showPairingFirstOnPhones = (pairing) => {
  if (!window.matchMedia(phoneMediaQuery).matches) return;
  pairing.open = true;
  pairing.parentElement?.prepend(pairing);
};
