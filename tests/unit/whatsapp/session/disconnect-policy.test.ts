import { describe, expect, it } from 'vitest';
import {
  decideAfterDisconnect,
  parseDisconnect,
  passkeyMissing,
  type RecentDisconnects,
  type SessionPhase,
  receiveTimedOut,
  ForcedDisconnectError,
} from '../../../../src/whatsapp/session/disconnect-policy.ts';

type DisconnectContext = Readonly<{
  phase?: SessionPhase;
  message?: string;
  attributes?: Readonly<Record<string, string>>;
  recent?: Partial<RecentDisconnects>;
}>;

/** Checks that the detail starts with the code, and returns the decision without it. */
function decide(code: number, context: DisconnectContext = {}) {
  const { phase = 'linked', message = 'Connection Failure', attributes = {}, recent } = context;
  const recentDisconnects = { attempts: 0, sameCodeCount: 1, replacements: 1, ...recent };
  const { detail, next, ...rest } = decideAfterDisconnect(
    { code, message, attributes },
    phase,
    recentDisconnects,
  );
  expect(detail.startsWith(String(code))).toBe(true);
  return { ...next, ...rest };
}

const reconnect = { action: 'reconnect', credentials: 'keep', state: 'reconnecting', alert: false };
const stop = { action: 'stop', credentials: 'keep', state: 'stopped', alert: true };
const minuteMs = 60_000;

describe('decideAfterDisconnect', () => {
  it('515 restart required: reconnects at once and does not count as a failure', () => {
    const restart = { ...reconnect, action: 'restart', state: 'connecting' };
    expect(decide(515)).toEqual(restart);
    expect(decide(515, { phase: 'pairing', recent: { attempts: 5 } })).toEqual(restart);
  });

  it.each([401, 406])('%i logged out: stops, quarantines the credentials and alerts', (code) => {
    expect(decide(code)).toEqual({ ...stop, credentials: 'quarantine', state: 'logged_out' });
    expect(decide(code, { phase: 'pairing' })).toMatchObject({ credentials: 'erase' });
  });

  it('402 temporary ban: retries after its end and alerts with the reason', () => {
    const disconnect = { code: 402, message: '', attributes: { code: '101', expire: '3600' } };
    expect(decideAfterDisconnect(disconnect, 'linked')).toEqual({
      next: { action: 'retry', delayMs: 60 * minuteMs },
      credentials: 'keep',
      state: 'banned',
      detail: '402/101',
      alert: true,
    });
  });

  it('402 temporary ban: stops if it has no end or no phone is linked yet', () => {
    expect(decide(402)).toEqual({ ...stop, state: 'banned' });
    expect(decide(402, { phase: 'pairing', attributes: { expire: '3600' } })).toMatchObject({
      action: 'stop',
    });
  });

  it('403 forbidden: stops, keeps the credentials and alerts', () => {
    expect(decide(403)).toEqual({ ...stop, state: 'banned' });
  });

  it('405 client version refused: retries after 1, 5 and then every 15 minutes', () => {
    const decisions = [1, 2, 3, 4].map((sameCodeCount) =>
      decide(405, { recent: { attempts: 7, sameCodeCount } }),
    );
    expect(decisions).toEqual(
      [1, 5, 15, 15].map((minutes) => ({ ...reconnect, action: 'retry', delayMs: minutes * minuteMs })),
    );
  });

  it('408 QR codes expired: ends the pairing and erases its credentials', () => {
    const message = 'QR refs attempts ended';
    expect(decide(408, { phase: 'pairing', message })).toEqual({
      ...stop,
      credentials: 'erase',
      state: 'qr_expired',
      alert: false,
    });
    expect(decide(408, { message })).toEqual(reconnect);
  });

  it('408 connection lost or timed out: backs off', () => {
    expect(decide(408)).toEqual(reconnect);
  });

  it.each([409, 415, 418])('%i client not accepted: stops and alerts', (code) => {
    expect(decide(code)).toEqual(stop);
  });

  it('411 phone app too old: stops and alerts', () => {
    expect(decide(411)).toEqual(stop);
  });

  it('428 connection closed: backs off', () => {
    expect(decide(428)).toEqual(reconnect);
  });

  it('440 replaced by another login: retries after 30 s each time', () => {
    const retry = { ...reconnect, action: 'retry', delayMs: 30_000 };
    for (const replacements of [1, 2, 3, 4]) expect(decide(440, { recent: { replacements } })).toEqual(retry);
  });

  it('440 fifth replacement within the window: stops with a conflict and alerts', () => {
    expect(decide(440, { recent: { replacements: 5 } })).toEqual({ ...stop, state: 'conflict' });
  });

  it('500 unknown error: backs off, keeps the credentials and alerts at the fifth in a row', () => {
    const alerts = [1, 4, 5, 6].map((sameCodeCount) => decide(500, { recent: { sameCodeCount } }).alert);
    expect(alerts).toEqual([false, false, true, false]);
    expect(decide(500, { recent: { sameCodeCount: 50 } })).toEqual(reconnect);
  });

  it.each([501, 503, 599])('%i server restart or unknown code: backs off', (code) => {
    expect(decide(code)).toEqual(reconnect);
  });

  it('400 not a WhatsApp server: stops and alerts', () => {
    expect(decide(400)).toEqual(stop);
  });

  it('passkey required: ends the pairing and erases its credentials', () => {
    expect(decideAfterDisconnect(passkeyMissing, 'pairing')).toEqual({
      next: { action: 'stop' },
      credentials: 'erase',
      state: 'passkey_required',
      detail: 'passkey',
      alert: false,
    });
  });
});

describe('a socket dropped by the receive watchdog', () => {
  it('is replaced at once, without back-off or alert', () => {
    const disconnect = parseDisconnect(new ForcedDisconnectError(receiveTimedOut));
    expect(decideAfterDisconnect(disconnect, 'linked')).toEqual({
      next: { action: 'retry', delayMs: 0 },
      credentials: 'keep',
      state: 'reconnecting',
      detail: 'deaf',
      alert: false,
    });
  });
});

describe('a pairing', () => {
  it.each([408, 428, 500, 503])('continues on a new socket after %i', (code) => {
    expect(decide(code, { phase: 'pairing' })).toMatchObject({ action: 'reconnect', state: 'pairing' });
  });

  it('ends after five lost sockets, unlike a linked session', () => {
    const decidePairing = (attempts: number) => decide(428, { phase: 'pairing', recent: { attempts } });
    expect(decidePairing(4)).toMatchObject({ action: 'reconnect' });
    expect(decidePairing(5)).toMatchObject({ action: 'stop', state: 'idle' });
    expect(decide(428, { recent: { attempts: 500 } })).toEqual(reconnect);
  });
});

describe('parseDisconnect', () => {
  it('reads the code, message and failure attributes of a Baileys error', () => {
    const error = Object.assign(new Error('Connection Failure'), {
      output: { statusCode: 402 },
      data: { reason: '402', code: '104', expire: '60', other: 5 },
    });
    expect(parseDisconnect(error)).toEqual({
      code: 402,
      message: 'Connection Failure',
      attributes: { reason: '402', code: '104', expire: '60' },
    });
  });

  it.each([undefined, null, new Error('no output'), 'text'])('treats %s as an unknown error', (error) => {
    expect(parseDisconnect(error)).toMatchObject({ code: 500, attributes: {} });
  });
});
