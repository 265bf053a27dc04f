// @ts-check
/**
 * @import { Model, Request } from './connection-model.js'
 * @import { Failure, PairingCodePayload, QrPayload, StatusPayload } from './payloads.js'
 * @import { Change } from './connection-failures.js'
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
 *   | { type: 'browser-online' }
 *   | { type: 'tick' }} ConnectionEvent
 *
 * @typedef {Request | { kind: 'close' }} Effect
 */

import { phoneFrom } from './code-format.js';
import { changeAfterFailure } from './connection-failures.js';
import { isLive } from './connection-model.js';

/** States in which the server says nothing new about a failure already shown. */
const quietStates = new Set(['idle', 'stopped']);
/** States in which a code on the screen could only mislead. */
const linkedStates = new Set(['connected', 'reconnecting']);

const answerTimeoutMs = 30_000;
/** @type {Failure} */
const unanswered = { code: 'CONNECTION_FAILED', message: '', retryAfterSeconds: undefined };

/** @type {Failure} */
const notAPhone = { code: 'VALIDATION_ERROR', message: '', retryAfterSeconds: undefined };

/** @type {Pick<Model, 'pairing'>} */
const codeLost = { pairing: { status: 'expired' } };

/** @type {Pick<Model, 'qr' | 'askedAtMs' | 'failure' | 'retry'>} */
const settled = { qr: undefined, askedAtMs: undefined, failure: undefined, retry: undefined };

/**
 * @param {Request} request
 * @param {number} nowMs
 * @returns {Change & { effect: Effect }}
 */
const start = (request, nowMs) => {
  switch (request.kind) {
    case 'connect':
      return { link: 'opening', failure: undefined, retry: undefined, effect: request };
    case 'qr':
      return { ...settled, askedAtMs: nowMs, effect: request };
    case 'pairing-code':
      return { pairing: { status: 'pending', phone: request.phone, sinceMs: nowMs }, effect: request };
    default:
      return request;
  }
};

/**
 * The first state after joining decides whether a code is asked for unasked: a salon that is linked, was linked before
 * or let its codes run out is left alone.
 * @param {Readonly<Model>} model
 * @param {{ state: string, cause?: string | undefined, since?: string | undefined }} session
 * @param {number} nowMs
 * @returns {Change & { effect?: Effect }}
 */
const sessionChanged = (model, { state, cause, since }, nowMs) => {
  const arrived = { session: state, cause, since, joined: true };
  if (!model.joined && state === 'idle') return { ...start({ kind: 'qr' }, nowMs), ...arrived };
  const hadCode = model.pairing.status === 'shown' && codeLost;
  if (quietStates.has(state)) {
    const quiet = { ...arrived, ...hadCode };
    return model.failure || model.retry ? quiet : { ...quiet, qr: undefined, askedAtMs: undefined };
  }
  if (state !== 'pairing') return { ...settled, ...arrived, pairing: { status: 'idle' } };
  // A pairing that has a cause has lost its socket, and a code to type goes with it.
  return {
    ...arrived,
    failure: undefined,
    retry: undefined,
    askedAtMs: model.qr ? undefined : nowMs,
    ...(cause !== undefined && hadCode),
  };
};

/**
 * @param {Readonly<Model>} model
 * @param {number} nowMs
 * @returns {Change & { effect?: Effect }}
 */
const ticked = (model, nowMs) => {
  const { retry, qr, pairing } = model;
  if (retry && nowMs >= retry.atMs) return start(retry.request, nowMs);
  if (qr && !isLive(qr, nowMs)) return { qr: undefined, askedAtMs: nowMs };
  if (pairing.status === 'shown' && nowMs >= pairing.deadlineMs) return codeLost;
  if (pairing.status === 'pending' && nowMs - pairing.sinceMs >= answerTimeoutMs) {
    return changeAfterFailure(model, unanswered, nowMs);
  }
  if (pairing.status === 'failed' && pairing.retryAtMs !== undefined && nowMs >= pairing.retryAtMs) {
    return start({ kind: 'pairing-code', phone: pairing.phone }, nowMs);
  }
  return {};
};

/**
 * @param {Readonly<Model>} model
 * @param {ConnectionEvent} event
 * @param {number} nowMs
 * @returns {Change & { effect?: Effect }}
 */
const changeFor = (model, event, nowMs) => {
  switch (event.type) {
    case 'link-up':
      return { ...settled, link: 'up', joined: false };
    case 'link-down':
      return { ...settled, link: 'down', joined: false, pairing: { status: 'idle' } };
    case 'session-state':
      return sessionChanged(model, event, nowMs);
    case 'qr': {
      if (linkedStates.has(model.session ?? '')) return {};
      const lifetimeMs = event.qr.seconds * 1000;
      return { ...settled, joined: true, qr: { ...event.qr, lifetimeMs, deadlineMs: nowMs + lifetimeMs } };
    }
    case 'pairing-code': {
      if (event.code.seconds === 0) return model.pairing.status === 'shown' ? codeLost : {};
      const lifetimeMs = event.code.seconds * 1000;
      return { pairing: { status: 'shown', ...event.code, lifetimeMs, deadlineMs: nowMs + lifetimeMs } };
    }
    case 'linked':
      return {
        ...settled,
        session: 'connected',
        cause: undefined,
        joined: true,
        phone: event.phone ?? model.phone,
        failedAttempts: 0,
        pairing: { status: 'idle' },
      };
    case 'unlinked': {
      const wasLinked = model.session === 'connected' || model.session === 'reconnecting';
      if (event.willReconnect) return { ...settled, session: 'reconnecting' };
      return wasLinked ? { ...settled, session: 'stopped' } : {};
    }
    case 'failure':
      return changeAfterFailure(model, event.failure, nowMs);
    case 'status':
      return Object.fromEntries(Object.entries(event.status).filter(([, value]) => value !== undefined));
    case 'new-code-pressed':
      return { ...start({ kind: model.link === 'up' ? 'qr' : 'connect' }, nowMs), failedAttempts: 0 };
    case 'phone-submitted': {
      const phone = phoneFrom(event.typed);
      if (phone !== undefined) return start({ kind: 'pairing-code', phone }, nowMs);
      return { pairing: { status: 'failed', failure: notAPhone, phone: '', retryAtMs: undefined } };
    }
    case 'browser-online':
      return model.link === 'down' ? start({ kind: 'connect' }, nowMs) : {};
    case 'tick':
      return ticked(model, nowMs);
    default:
      return event;
  }
};

/**
 * @param {Readonly<Model>} model
 * @param {ConnectionEvent} event
 * @param {number} nowMs
 * @returns {{ model: Readonly<Model>, effect: Effect | undefined }} the same model object when nothing changed
 */
export const reduce = (model, event, nowMs) => {
  if (model.link === 'closed' && event.type !== 'status') return { model, effect: undefined };
  const { effect, close, ...change } = changeFor(model, event, nowMs);
  if (Object.keys(change).length === 0) return { model, effect };
  return { model: { ...model, ...change }, effect: close ? { kind: 'close' } : effect };
};
