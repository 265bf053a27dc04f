// @ts-check
/**
 * The state of one salon on the connect page. Only `connection-reducer.js` changes it; the views render it.
 * Times are milliseconds of this browser's clock: deadlines are computed from durations, so a wrong clock is harmless.
 *
 * @import { Failure, QrPayload } from '../shared/payloads.js'
 * @typedef {{ kind: 'connect' } | { kind: 'qr' } | { kind: 'pairing-code', phone: string }} Request
 * @typedef {QrPayload & { deadlineMs: number, lifetimeMs: number }} LiveQr
 * @typedef {{ status: 'idle' | 'expired' } | { status: 'pending', phone: string, sinceMs: number }
 *   | { status: 'shown', code: string, phone: string, deadlineMs: number, lifetimeMs: number }
 *   | { status: 'failed', failure: Failure, phone: string, retryAtMs: number | undefined }} Pairing
 *
 * @typedef {object} Model
 * @property {'opening' | 'up' | 'down' | 'closed'} link the socket to our server; `closed` is final
 * @property {string | undefined} session the state of the WhatsApp session, as last reported by the server
 * @property {string | undefined} cause why it is in that state, a word or code of the server
 * @property {string | undefined} since when it entered that state, ISO 8601
 * @property {boolean} joined whether the session state has arrived since the socket connected
 * @property {number | undefined} requestedAtMs when the pending QR code was requested
 * @property {LiveQr | undefined} qr
 * @property {Failure | undefined} failure
 * @property {{ atMs: number, request: Request } | undefined} retry the automatic retry, if one is scheduled
 * @property {number} failedAttempts failed connections to WhatsApp since the user last pressed a button
 * @property {Pairing} pairing
 * @property {string | undefined} phone the linked number
 * @property {string | undefined} integration the `integration_status` of the company
 * @property {string | undefined} title
 * @property {string | undefined} salonId
 * @property {string} restriction the server's message about a new-chat restriction; empty without one
 */

/** @type {Readonly<Model>} */
export const initialModel = {
  link: 'opening',
  session: undefined,
  cause: undefined,
  since: undefined,
  joined: false,
  requestedAtMs: undefined,
  qr: undefined,
  failure: undefined,
  retry: undefined,
  failedAttempts: 0,
  pairing: { status: 'idle' },
  phone: undefined,
  integration: undefined,
  title: undefined,
  salonId: undefined,
  restriction: '',
};

/**
 * The fields of a request once it has succeeded, failed or been replaced.
 * @type {Pick<Model, 'qr' | 'requestedAtMs' | 'failure' | 'retry'>}
 */
export const requestSettled = {
  qr: undefined,
  requestedAtMs: undefined,
  failure: undefined,
  retry: undefined,
};

/** The server sends lifetimes in whole seconds, rounded down. */
const roundingMs = 1000;

/** A code pending for longer than this is shown as slow. */
const slowAfterMs = 15_000;

/** Every screen of the connect page, the values of `data-state` on its main element. */
export const screens = /** @type {const} */ ([
  'loading',
  'idle',
  'waiting',
  'qr',
  'connecting',
  'connected',
  'reconnecting',
  'qr_expired',
  'logged_out',
  'passkey_required',
  'banned',
  'conflict',
  'stopped',
  'phone_outdated',
  'offline',
  'refused',
  'error',
]);

/** @typedef {typeof screens[number]} Screen */

/**
 * @param {string} name
 * @returns {name is Screen}
 */
const isScreen = (name) => screens.some((screen) => screen === name);

/**
 * Whether a phone can still scan the code. Its countdown may have reached zero, as lifetimes are rounded down.
 * @param {LiveQr} qr
 * @param {number} nowMs
 */
export const isLive = (qr, nowMs) => nowMs < qr.deadlineMs + roundingMs;

/**
 * The screen to show now. An expired code is never shown, even before the next tick removes it.
 * @param {Readonly<Model>} model
 * @param {number} nowMs
 * @returns {Screen}
 */
export const currentScreen = (model, nowMs) => {
  if (model.failure) return model.failure.code === 'CONNECTION_FAILED' ? 'refused' : 'error';
  if (model.link === 'down' || model.link === 'closed') return 'offline';
  if (model.link === 'opening' || !model.joined) return 'loading';
  if (model.qr && isLive(model.qr, nowMs)) return 'qr';
  if (model.requestedAtMs !== undefined || model.retry || model.session === 'pairing') return 'waiting';
  return model.session !== undefined && isScreen(model.session) ? model.session : 'stopped';
};

/**
 * @param {Readonly<Model>} model
 * @param {number} nowMs
 */
export const isSlow = (model, nowMs) =>
  model.requestedAtMs !== undefined &&
  nowMs - model.requestedAtMs >= slowAfterMs &&
  currentScreen(model, nowMs) === 'waiting';
