// @ts-check
/**
 * Readers of what the server sends. Each answers undefined for anything that is not of the agreed shape.
 * @typedef {{ image: string, sequence: string, expiresAt: string, seconds: number }} QrPayload
 * @typedef {{ code: string, phone: string, seconds: number }} PairingCodePayload
 * @typedef {{ code: string, message: string, retryAfterSeconds: number | undefined }} Failure
 * @typedef {{ phone: string | undefined, integration: string | undefined, title: string | undefined,
 *   salonId: string | undefined, restriction: string }} StatusPayload
 */

import { unknownErrorCode } from './error-actions.js';

/** @returns {Record<string, unknown>} */
const fieldsOf = (/** @type {unknown} */ payload) =>
  typeof payload === 'object' && payload !== null ? { ...payload } : {};

const textOf = (/** @type {unknown} */ value) =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;

/** @returns {number | undefined} */
const secondsOf = (/** @type {unknown} */ value) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined;

/**
 * @param {unknown} payload
 * @returns {QrPayload | undefined}
 */
export const readQr = (payload) => {
  const { qr, sequence, expiresAt, expiresIn } = fieldsOf(payload);
  const seconds = secondsOf(expiresIn);
  if (typeof qr !== 'string' || !qr.startsWith('data:image/') || seconds === undefined) return undefined;
  return { image: qr, sequence: textOf(sequence) ?? '', expiresAt: textOf(expiresAt) ?? '', seconds };
};

/**
 * @param {unknown} payload
 * @returns {PairingCodePayload | undefined} no seconds: the code links no more
 */
export const readPairingCode = (payload) => {
  const { code, phone, expiresIn } = fieldsOf(payload);
  const seconds = expiresIn === 0 ? 0 : secondsOf(expiresIn);
  if (typeof code !== 'string' || code === '' || seconds === undefined) return undefined;
  return { code, phone: textOf(phone) ?? '', seconds };
};

/**
 * @param {unknown} payload the body of an `error` event, of a refused handshake or of an HTTP error
 * @returns {Failure}
 */
export const readFailure = (payload) => {
  const { code, message, error, retryAfter } = fieldsOf(payload);
  return {
    code: typeof code === 'string' ? code : unknownErrorCode,
    message: textOf(message) ?? textOf(error) ?? '',
    retryAfterSeconds: secondsOf(retryAfter),
  };
};

/**
 * @param {unknown} payload
 * @returns {StatusPayload}
 */
export const readStatus = (payload) => {
  const {
    whatsapp_phone: phone,
    integration_status: integration,
    title,
    salon_id: salonId,
    restriction,
  } = fieldsOf(payload);
  return {
    phone: textOf(phone),
    integration: textOf(integration),
    title: textOf(title),
    salonId: textOf(salonId),
    // Empty and not absent: a restriction that is over has to go from the page.
    restriction: textOf(fieldsOf(restriction)['message']) ?? '',
  };
};

/**
 * What the session is doing, in the server's word; a phone whose WhatsApp is too old is a case of its own here.
 * @param {unknown} payload
 * @returns {string | undefined}
 */
export const readSessionState = (payload) => {
  const { state, detail } = fieldsOf(payload);
  return state === 'stopped' && detail === '411' ? 'phone_outdated' : textOf(state);
};

/**
 * @param {unknown} payload of a `session-state`
 * @returns {{ cause: string | undefined, since: string | undefined }}
 */
export const readSessionCause = (payload) => {
  const { detail, since } = fieldsOf(payload);
  return { cause: textOf(detail), since: textOf(since) };
};

/**
 * @param {unknown} payload
 * @param {string} name
 * @returns {string | undefined}
 */
export const readText = (payload, name) => textOf(fieldsOf(payload)[name]);

/**
 * @param {unknown} payload
 * @param {string} name
 */
export const readFlag = (payload, name) => fieldsOf(payload)[name] === true;
