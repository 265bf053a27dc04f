import { describe, expect, it } from 'vitest';
import {
  decideAfterDisconnect,
  disconnectFrom,
  passkeyMissing,
  type SessionPhase,
} from '../../src/whatsapp/disconnect-policy.ts';

function decide(code: number, phase: SessionPhase = 'linked', attributes: Record<string, string> = {}) {
  const { next, ...rest } = decideAfterDisconnect({ code, message: 'Connection Failure', attributes }, phase);
  return { ...next, ...rest };
}

describe('after a disconnect', () => {
  it.each([
    [515, { action: 'restart', keepCredentials: true, state: 'connecting' }],
    [401, { action: 'stop', keepCredentials: false, state: 'logged_out' }],
    [406, { action: 'stop', keepCredentials: false, state: 'logged_out' }],
    [402, { action: 'stop', keepCredentials: true, state: 'banned' }],
    [403, { action: 'stop', keepCredentials: true, state: 'banned' }],
    [
      405,
      { action: 'retry', delaysMs: [60_000, 300_000, 900_000], keepCredentials: true, state: 'reconnecting' },
    ],
    [408, { action: 'reconnect', keepCredentials: true, state: 'reconnecting' }],
    [428, { action: 'reconnect', keepCredentials: true, state: 'reconnecting' }],
    [440, { action: 'retry', delaysMs: [30_000], keepCredentials: true, state: 'conflict' }],
    [500, { action: 'reconnect', keepCredentials: true, state: 'reconnecting' }],
    [501, { action: 'reconnect', keepCredentials: true, state: 'reconnecting' }],
    [503, { action: 'reconnect', keepCredentials: true, state: 'reconnecting' }],
    [599, { action: 'reconnect', keepCredentials: true, state: 'reconnecting' }],
    [400, { action: 'stop', keepCredentials: true, state: 'stopped' }],
    [409, { action: 'stop', keepCredentials: true, state: 'stopped' }],
    [411, { action: 'stop', keepCredentials: true, state: 'stopped' }],
    [415, { action: 'stop', keepCredentials: true, state: 'stopped' }],
    [418, { action: 'stop', keepCredentials: true, state: 'stopped' }],
  ])('with code %i a linked session does %j', (code, expected) => {
    expect(decide(code)).toEqual({ ...expected, detail: String(code) });
  });

  it('of a pairing whose codes nobody scanned, the pairing ends and leaves nothing', () => {
    const disconnect = { code: 408, message: 'QR refs attempts ended', attributes: {} };
    expect(decideAfterDisconnect(disconnect, 'pairing')).toEqual({
      next: { action: 'stop' },
      keepCredentials: false,
      state: 'qr_expired',
      detail: '408',
    });
    expect(decideAfterDisconnect(disconnect, 'linked').state).toBe('reconnecting');
  });

  it('without the passkey that WhatsApp asked for, a pairing ends and leaves nothing', () => {
    expect(decideAfterDisconnect(passkeyMissing, 'pairing')).toEqual({
      next: { action: 'stop' },
      keepCredentials: false,
      state: 'passkey_required',
      detail: 'passkey',
    });
  });

  it.each([408, 428, 500, 503])('with code %i a pairing goes on with a new socket', (code) => {
    expect(decide(code, 'pairing')).toMatchObject({ action: 'reconnect', state: 'pairing' });
  });

  it('a pairing that keeps losing its socket is given up, a linked session never', () => {
    const lost = { code: 428, message: 'Connection Terminated', attributes: {} };
    expect(decideAfterDisconnect(lost, 'pairing', 4)).toMatchObject({ next: { action: 'reconnect' } });
    expect(decideAfterDisconnect(lost, 'pairing', 5)).toMatchObject({
      next: { action: 'stop' },
      state: 'idle',
    });
    expect(decideAfterDisconnect(lost, 'linked', 500)).toMatchObject({ next: { action: 'reconnect' } });
    const ordered = { ...lost, code: 515 };
    expect(decideAfterDisconnect(ordered, 'pairing', 5)).toMatchObject({ next: { action: 'restart' } });
  });

  it('for a temporary ban, nothing is tried before WhatsApp says it ends', () => {
    expect(decide(402, 'linked', { code: '101', expire: '3600' })).toEqual({
      action: 'retry',
      delaysMs: [3_600_000],
      keepCredentials: true,
      state: 'banned',
      detail: '402/101',
    });
  });
});

describe("Baileys' error", () => {
  it('is read with its code, its words and the attributes of the failure', () => {
    const error = Object.assign(new Error('Connection Failure'), {
      output: { statusCode: 402 },
      data: { reason: '402', code: '104', expire: '60', other: 5 },
    });
    expect(disconnectFrom(error)).toEqual({
      code: 402,
      message: 'Connection Failure',
      attributes: { reason: '402', code: '104', expire: '60' },
    });
  });

  it.each([undefined, null, new Error('no output'), 'text'])(
    '%s without a code counts as unknown',
    (error) => {
      expect(disconnectFrom(error)).toMatchObject({ code: 500, attributes: {} });
    },
  );
});
