// @ts-check
/**
 * What the page does when the server answers with a code:
 * - `close`: this link leads nowhere; say so and stop talking to the server
 * - `wait`: count down and repeat the same request unasked
 * - `new-code`: offer a button for a new code
 * - `retry-then-pairing-code`: repeat a few times unasked, then offer linking by phone number
 * - `name-field`: show the sentence beside the field it is about
 * - `explain`: show what WhatsApp demands and what can be done
 * - `manual`: say so and offer a button that tries again
 * @typedef {{ kind: 'close' | 'new-code' | 'name-field' | 'explain' | 'manual' }
 *   | { kind: 'wait', defaultSeconds: number }
 *   | { kind: 'retry-then-pairing-code', delaysSeconds: readonly number[] }} ErrorAction
 */

/** @type {Readonly<Record<string, ErrorAction>>} */
export const errorActions = {
  INVALID_TOKEN: { kind: 'close' },
  RATE_LIMIT: { kind: 'wait', defaultSeconds: 60 },
  QR_EXPIRED: { kind: 'new-code' },
  CONNECTION_FAILED: { kind: 'retry-then-pairing-code', delaysSeconds: [2, 4] },
  COMPANY_NOT_FOUND: { kind: 'close' },
  REDIS_ERROR: { kind: 'wait', defaultSeconds: 5 },
  DB_ERROR: { kind: 'wait', defaultSeconds: 5 },
  VALIDATION_ERROR: { kind: 'name-field' },
  FORBIDDEN: { kind: 'close' },
  PASSKEY_REQUIRED: { kind: 'explain' },
  UPSTREAM_ERROR: { kind: 'wait', defaultSeconds: 15 },
  NOT_FOUND: { kind: 'close' },
  INTERNAL_ERROR: { kind: 'manual' },
};

/** A code that this page does not know: its sentence is shown, and a button to try again. */
export const unknownErrorCode = 'UNKNOWN';

/**
 * @param {string} code
 * @returns {ErrorAction | undefined}
 */
export const errorAction = (code) => (Object.hasOwn(errorActions, code) ? errorActions[code] : undefined);
