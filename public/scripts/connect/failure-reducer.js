// @ts-check
/**
 * @import { Model, Request } from './connection-model.js'
 * @import { Failure } from '../shared/payloads.js'
 */

import { errorAction } from '../shared/error-actions.js';
import { requestSettled } from './connection-model.js';

/** @typedef {Partial<Model> & { close?: true }} ModelChange */

/** Codes that concern the token or the salon, whichever request failed. */
const pageLevelCodes = new Set([
  'INVALID_TOKEN',
  'COMPANY_NOT_FOUND',
  'FORBIDDEN',
  'PASSKEY_REQUIRED',
  'QR_EXPIRED',
  'NOT_FOUND',
]);

/**
 * @param {Readonly<Model>} model
 * @param {Failure} failure
 * @param {Request} request repeated if the code allows a retry
 * @param {number} nowMs
 * @returns {ModelChange}
 */
const failedRequest = (model, failure, request, nowMs) => {
  const action = errorAction(failure.code);
  const shown = { failure, requestedAtMs: undefined, qr: undefined };
  switch (action?.kind) {
    case 'close':
      return { ...shown, retry: undefined, link: 'closed', close: true };
    case 'wait': {
      const seconds = failure.retryAfterSeconds ?? action.defaultSeconds;
      return { ...shown, retry: { atMs: nowMs + seconds * 1000, request } };
    }
    case 'retry-then-pairing-code': {
      const delaySeconds = action.delaysSeconds[model.failedAttempts];
      if (delaySeconds === undefined) return { ...shown, retry: undefined };
      return {
        qr: undefined,
        failure: undefined,
        requestedAtMs: nowMs,
        failedAttempts: model.failedAttempts + 1,
        retry: { atMs: nowMs + delaySeconds * 1000, request },
      };
    }
    case 'new-code':
      return { ...requestSettled, session: 'qr_expired' };
    case 'explain':
      return { ...requestSettled, session: 'passkey_required' };
    case 'name-field':
    case 'manual':
    case undefined:
      return { ...shown, retry: undefined };
    default:
      return action;
  }
};

/**
 * A pairing-code failure stays in its form: the QR code beside it may still be valid.
 * @param {string} phone
 * @param {Failure} failure
 * @param {number} nowMs
 * @returns {ModelChange}
 */
const failedPairing = (phone, failure, nowMs) => {
  const action = errorAction(failure.code);
  const retryAtMs =
    action?.kind === 'wait' ? nowMs + (failure.retryAfterSeconds ?? action.defaultSeconds) * 1000 : undefined;
  return { pairing: { status: 'failed', failure, phone, retryAtMs } };
};

/** States whose screen already explains why there is no code. */
const explainedStates = new Set(['banned', 'conflict', 'logged_out', 'stopped', 'phone_outdated']);

/**
 * Whether the session state already explains the failure: the session is at rest, or another page linked it.
 * @param {Readonly<Model>} model
 * @param {Failure} failure
 */
const isAlreadyShown = ({ session = '', requestedAtMs, retry, pairing }, { code }) => {
  if (code === 'FORBIDDEN') return session === 'connected';
  const isAwaited = requestedAtMs !== undefined || retry !== undefined || pairing.status === 'pending';
  return code === 'CONNECTION_FAILED' && explainedStates.has(session) && !isAwaited;
};

/**
 * The model change after an error response or `error` event.
 * @param {Readonly<Model>} model
 * @param {Failure} failure
 * @param {number} nowMs
 * @returns {ModelChange}
 */
export const changeAfterFailure = (model, failure, nowMs) => {
  if (model.link !== 'up') return failedRequest(model, failure, { kind: 'connect' }, nowMs);
  if (isAlreadyShown(model, failure)) return { requestedAtMs: undefined, pairing: { status: 'idle' } };
  if (model.pairing.status === 'pending' && !pageLevelCodes.has(failure.code)) {
    return failedPairing(model.pairing.phone, failure, nowMs);
  }
  return failedRequest(model, failure, { kind: 'qr' }, nowMs);
};
