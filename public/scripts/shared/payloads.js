// @ts-check
/**
 * Parsers of server payloads; undefined marks a malformed payload or field.
 * @typedef {{ image: string, sequence: string, expiresAt: string, seconds: number }} QrPayload
 * @typedef {{ code: string, phone: string, seconds: number }} PairingCodePayload
 * @typedef {{ code: string, message: string, retryAfterSeconds: number | undefined }} Failure
 * @typedef {{ phone: string | undefined, integration: string | undefined, title: string | undefined,
 *   salonId: string | undefined, restriction: string }} StatusPayload
 */

import { unknownErrorCode } from './error-actions.js';

/** @returns {Record<string, unknown>} */
const toRecord = (/** @type {unknown} */ payload) =>
  typeof payload === 'object' && payload !== null ? { ...payload } : {};

const toText = (/** @type {unknown} */ value) =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;

/** @returns {number | undefined} */
const toSeconds = (/** @type {unknown} */ value) =>
  typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : undefined;

/**
 * @param {unknown} payload
 * @returns {QrPayload | undefined}
 */
export const readQr = (payload) => {
  const { qr, sequence, expiresAt, expiresIn } = toRecord(payload);
  const seconds = toSeconds(expiresIn);
  if (typeof qr !== 'string' || !qr.startsWith('data:image/') || seconds === undefined) return undefined;
  return { image: qr, sequence: toText(sequence) ?? '', expiresAt: toText(expiresAt) ?? '', seconds };
};

/**
 * @param {unknown} payload
 * @returns {PairingCodePayload | undefined} `seconds` is 0 if the code is no longer valid
 */
export const readPairingCode = (payload) => {
  const { code, phone, expiresIn } = toRecord(payload);
  const seconds = expiresIn === 0 ? 0 : toSeconds(expiresIn);
  if (typeof code !== 'string' || code === '' || seconds === undefined) return undefined;
  return { code, phone: toText(phone) ?? '', seconds };
};

/**
 * @param {unknown} payload an `error` event, the data of a `connect_error`, or the body of an HTTP error
 * @returns {Failure}
 */
export const readFailure = (payload) => {
  const { code, message, error, retryAfter } = toRecord(payload);
  return {
    code: typeof code === 'string' ? code : unknownErrorCode,
    message: toText(message) ?? toText(error) ?? '',
    retryAfterSeconds: toSeconds(retryAfter),
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
  } = toRecord(payload);
  return {
    phone: toText(phone),
    integration: toText(integration),
    title: toText(title),
    salonId: toText(salonId),
    // Empty instead of undefined, so that a lifted restriction overwrites the previous message.
    restriction: toText(toRecord(restriction)['message']) ?? '',
  };
};

/**
 * The session state; `stopped` because of an outdated WhatsApp on the phone (411) has a separate screen.
 * @param {unknown} payload
 * @returns {string | undefined}
 */
export const readSessionState = (payload) => {
  const { state, detail } = toRecord(payload);
  return state === 'stopped' && detail === '411' ? 'phone_outdated' : toText(state);
};

/**
 * @param {unknown} payload a `session-state` event
 * @returns {{ cause: string | undefined, since: string | undefined }}
 */
export const readSessionCause = (payload) => {
  const { detail, since } = toRecord(payload);
  return { cause: toText(detail), since: toText(since) };
};

/**
 * @param {unknown} payload
 * @param {string} name
 * @returns {string | undefined}
 */
export const readText = (payload, name) => toText(toRecord(payload)[name]);

/**
 * @param {unknown} payload
 * @param {string} name
 */
export const readFlag = (payload, name) => toRecord(payload)[name] === true;
