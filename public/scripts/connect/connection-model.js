// @ts-check
/**
 * Everything the connect page knows of one salon. Changed only by `connection-events.js`; what is shown follows from it.
 * Times are milliseconds of this browser's own clock, so a clock that is wrong does no harm.
 *
 * @import { Failure, QrPayload } from '../shared/payloads.js'
 * @typedef {{ kind: 'connect' } | { kind: 'qr' } | { kind: 'pairing-code', phone: string }} Request
 * @typedef {QrPayload & { deadlineMs: number, lifetimeMs: number }} LiveQr
 * @typedef {{ status: 'idle' | 'expired' } | { status: 'pending', phone: string, sinceMs: number }
 *   | { status: 'shown', code: string, phone: string, deadlineMs: number, lifetimeMs: number }
 *   | { status: 'failed', failure: Failure, phone: string, retryAtMs: number | undefined }} Pairing
 *
 * @typedef {object} Model
 * @property {'opening' | 'up' | 'down' | 'closed'} link the socket to our own server; `closed` for good
 * @property {string | undefined} session what the WhatsApp session is doing, as the server last said
 * @property {string | undefined} cause why it is doing that, as a word or a code of the server
 * @property {string | undefined} since since when, ISO 8601
 * @property {boolean} joined whether the server told the session's state since the link went up
 * @property {number | undefined} requestedAtMs when a code was asked for that has not come yet
 * @property {LiveQr | undefined} qr
 * @property {Failure | undefined} failure
 * @property {{ atMs: number, request: Request } | undefined} retry what will be repeated unasked, and when
 * @property {number} failedAttempts attempts at WhatsApp that failed since the person last pressed a button
 * @property {Pairing} pairing
 * @property {string | undefined} phone the linked number
 * @property {string | undefined} integration where the platform's activation stands
 * @property {string | undefined} title
 * @property {string | undefined} salonId
 * @property {string} restriction what the server says of new chats that WhatsApp holds back; empty when it does not
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

/** The server tells whole seconds, rounded down. */
const roundingMs = 1000;

/** How long a code may take before the page owns up that something is slow. */
const slowAfterMs = 15_000;

/** Every face of the connect page, as found in `data-state` of its main element. */
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
 * Whether a phone may still scan the code. Its countdown may have reached zero: its successor is on the way.
 * @param {LiveQr} qr
 * @param {number} nowMs
 */
export const isLive = (qr, nowMs) => nowMs < qr.deadlineMs + roundingMs;

/**
 * The one thing to show now. A code that has run out is never shown, even before the next tick has dropped it.
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
