// @ts-check
/**
 * How the pages react to an error code:
 * - `close`: the link is no longer valid; show the error and close the connection
 * - `wait`: count down, then repeat the request automatically
 * - `new-code`: offer a button for a new code
 * - `retry-then-pairing-code`: retry automatically a few times, then offer linking by phone number
 * - `name-field`: show the message beside the invalid field
 * - `explain`: show what WhatsApp requires and what the user can do
 * - `manual`: show the error and a button that retries
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

/** Stands for codes unknown to the page: the server's message is shown with a button that retries. */
export const unknownErrorCode = 'UNKNOWN';

/**
 * @param {string} code
 * @returns {ErrorAction | undefined}
 */
export const errorAction = (code) => (Object.hasOwn(errorActions, code) ? errorActions[code] : undefined);
