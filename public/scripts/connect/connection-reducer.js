// @ts-check
/**
 * @import { Model, Request } from './connection-model.js'
 * @import { Failure, PairingCodePayload, QrPayload, StatusPayload } from '../shared/payloads.js'
 * @import { ModelChange } from './failure-reducer.js'
 *
 * @typedef {{ type: 'link-up' } | { type: 'link-down' }
 *   | { type: 'session-state', state: string, cause?: string | undefined, since?: string | undefined }
 *   | { type: 'qr', qr: QrPayload }
 *   | { type: 'pairing-code', code: PairingCodePayload }
 *   | { type: 'linked', phone: string | undefined }
 *   | { type: 'unlinked', willReconnect: boolean }
 *   | { type: 'failure', failure: Failure }
 *   | { type: 'status', status: StatusPayload }
 *   | { type: 'new-code-pressed' }
 *   | { type: 'phone-submitted', typed: string }
 *   | { type: 'reconnect' }
 *   | { type: 'tick' }} ConnectionEvent
 *
 * @typedef {Request | { kind: 'close' }} Effect
 */

import { isLive, requestSettled } from './connection-model.js';
import { changeAfterFailure } from './failure-reducer.js';
import { parsePhone } from './pairing-format.js';

/** States that keep the failure already shown. */
const failureKeepingStates = new Set(['idle', 'stopped']);
/** States of a linked session; a late QR code is ignored in them. */
const linkedStates = new Set(['connected', 'reconnecting']);

const responseTimeoutMs = 30_000;
/** @type {Failure} */
const timeoutFailure = { code: 'CONNECTION_FAILED', message: '', retryAfterSeconds: undefined };

/** @type {Failure} */
const invalidPhone = { code: 'VALIDATION_ERROR', message: '', retryAfterSeconds: undefined };

/** @type {Pick<Model, 'pairing'>} */
const codeExpired = { pairing: { status: 'expired' } };

/**
 * @param {Request} request
 * @param {number} nowMs
 * @returns {ModelChange & { effect: Effect }}
 */
const startRequest = (request, nowMs) => {
  switch (request.kind) {
    case 'connect':
      return { link: 'opening', failure: undefined, retry: undefined, effect: request };
    case 'qr':
      return { ...requestSettled, requestedAtMs: nowMs, effect: request };
    case 'pairing-code':
      return { pairing: { status: 'pending', phone: request.phone, sinceMs: nowMs }, effect: request };
    default:
      return request;
  }
};

/**
 * Requests a code automatically only if the first state after joining is `idle`: not for a salon that is or was linked,
 * or whose codes have expired.
 * @param {Readonly<Model>} model
 * @param {{ state: string, cause?: string | undefined, since?: string | undefined }} session
 * @param {number} nowMs
 * @returns {ModelChange & { effect?: Effect }}
 */
const sessionChanged = (model, { state, cause, since }, nowMs) => {
  const update = { session: state, cause, since, joined: true };
  if (!model.joined && state === 'idle') return { ...startRequest({ kind: 'qr' }, nowMs), ...update };
  const expiredCode = model.pairing.status === 'shown' && codeExpired;
  if (failureKeepingStates.has(state)) {
    const change = { ...update, ...expiredCode };
    return model.failure || model.retry ? change : { ...change, qr: undefined, requestedAtMs: undefined };
  }
  if (state !== 'pairing') return { ...requestSettled, ...update, pairing: { status: 'idle' } };
  // A pairing state with a cause means that its WhatsApp socket closed, which invalidates the pairing code.
  return {
    ...update,
    failure: undefined,
    retry: undefined,
    requestedAtMs: model.qr ? undefined : nowMs,
    ...(cause !== undefined && expiredCode),
  };
};

/**
 * @param {Readonly<Model>} model
 * @param {number} nowMs
 * @returns {ModelChange & { effect?: Effect }}
 */
const handleTick = (model, nowMs) => {
  const { retry, qr, pairing } = model;
  if (retry && nowMs >= retry.atMs) return startRequest(retry.request, nowMs);
  if (qr && !isLive(qr, nowMs)) return { qr: undefined, requestedAtMs: nowMs };
  if (pairing.status === 'shown' && nowMs >= pairing.deadlineMs) return codeExpired;
  if (pairing.status === 'pending' && nowMs - pairing.sinceMs >= responseTimeoutMs) {
    return changeAfterFailure(model, timeoutFailure, nowMs);
  }
  if (pairing.status === 'failed' && pairing.retryAtMs !== undefined && nowMs >= pairing.retryAtMs) {
    return startRequest({ kind: 'pairing-code', phone: pairing.phone }, nowMs);
  }
  return {};
};

/**
 * @param {Readonly<Model>} model
 * @param {ConnectionEvent} event
 * @param {number} nowMs
 * @returns {ModelChange & { effect?: Effect }}
 */
const changeFor = (model, event, nowMs) => {
  switch (event.type) {
    case 'link-up':
      return { ...requestSettled, link: 'up', joined: false };
    case 'link-down':
      return { ...requestSettled, link: 'down', joined: false, pairing: { status: 'idle' } };
    case 'session-state':
      return sessionChanged(model, event, nowMs);
    case 'qr': {
      if (linkedStates.has(model.session ?? '')) return {};
      const lifetimeMs = event.qr.seconds * 1000;
      return {
        ...requestSettled,
        joined: true,
        qr: { ...event.qr, lifetimeMs, deadlineMs: nowMs + lifetimeMs },
      };
    }
    case 'pairing-code': {
      if (event.code.seconds === 0) return model.pairing.status === 'shown' ? codeExpired : {};
      const lifetimeMs = event.code.seconds * 1000;
      return { pairing: { status: 'shown', ...event.code, lifetimeMs, deadlineMs: nowMs + lifetimeMs } };
    }
    case 'linked':
      return {
        ...requestSettled,
        session: 'connected',
        cause: undefined,
        joined: true,
        phone: event.phone ?? model.phone,
        failedAttempts: 0,
        pairing: { status: 'idle' },
      };
    case 'unlinked': {
      if (event.willReconnect) return { ...requestSettled, session: 'reconnecting' };
      return linkedStates.has(model.session ?? '') ? { ...requestSettled, session: 'stopped' } : {};
    }
    case 'failure':
      return changeAfterFailure(model, event.failure, nowMs);
    case 'status':
      return Object.fromEntries(Object.entries(event.status).filter(([, value]) => value !== undefined));
    case 'new-code-pressed':
      return { ...startRequest({ kind: model.link === 'up' ? 'qr' : 'connect' }, nowMs), failedAttempts: 0 };
    case 'phone-submitted': {
      const phone = parsePhone(event.typed);
      if (phone !== undefined) return startRequest({ kind: 'pairing-code', phone }, nowMs);
      return { pairing: { status: 'failed', failure: invalidPhone, phone: '', retryAtMs: undefined } };
    }
    case 'reconnect':
      return model.link === 'down' ? startRequest({ kind: 'connect' }, nowMs) : {};
    case 'tick':
      return handleTick(model, nowMs);
    default:
      return event;
  }
};

/**
 * @param {Readonly<Model>} model
 * @param {ConnectionEvent} event
 * @param {number} nowMs
 * @returns {{ model: Readonly<Model>, effect: Effect | undefined }} the same model object if nothing changed
 */
export const reduce = (model, event, nowMs) => {
  if (model.link === 'closed' && event.type !== 'status') return { model, effect: undefined };
  const { effect, close, ...change } = changeFor(model, event, nowMs);
  if (Object.keys(change).length === 0) return { model, effect };
  return { model: { ...model, ...change }, effect: close ? { kind: 'close' } : effect };
};
