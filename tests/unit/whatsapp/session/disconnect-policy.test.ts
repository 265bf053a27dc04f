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

type Circumstances = Readonly<{
  phase?: SessionPhase;
  message?: string;
  attributes?: Readonly<Record<string, string>>;
  recent?: Partial<RecentDisconnects>;
}>;

/** Without the detail, which is the code where no test says otherwise. */
function decide(code: number, circumstances: Circumstances = {}) {
  const { phase = 'linked', message = 'Connection Failure', attributes = {}, recent } = circumstances;
  const closes = { attempts: 0, sameCodeCount: 1, replacements: 1, ...recent };
  const { detail, next, ...rest } = decideAfterDisconnect({ code, message, attributes }, phase, closes);
  expect(detail.startsWith(String(code))).toBe(true);
  return { ...next, ...rest };
}

const reconnects = { action: 'reconnect', credentials: 'keep', state: 'reconnecting', alert: false };
const stops = { action: 'stop', credentials: 'keep', state: 'stopped', alert: true };
const minuteMs = 60_000;

describe('a WhatsApp socket that closed with', () => {
  it('515 restart required: a new socket at once, which does not count', () => {
    const restarts = { ...reconnects, action: 'restart', state: 'connecting' };
    expect(decide(515)).toEqual(restarts);
    expect(decide(515, { phase: 'pairing', recent: { attempts: 5 } })).toEqual(restarts);
  });

  it.each([401, 406])(
    '%i logged out: stops, sets the credentials aside, asks for a QR code, alerts',
    (code) => {
      expect(decide(code)).toEqual({ ...stops, credentials: 'quarantine', state: 'logged_out' });
      expect(decide(code, { phase: 'pairing' })).toMatchObject({ credentials: 'erase' });
    },
  );

  it('402 temporary ban: nothing before it ends, and an alert that says why', () => {
    const disconnect = { code: 402, message: '', attributes: { code: '101', expire: '3600' } };
    expect(decideAfterDisconnect(disconnect, 'linked')).toEqual({
      next: { action: 'retry', delayMs: 60 * minuteMs },
      credentials: 'keep',
      state: 'banned',
      detail: '402/101',
      alert: true,
    });
  });

  it('402 temporary ban without an end, or of a number that is not linked yet: stops', () => {
    expect(decide(402)).toEqual({ ...stops, state: 'banned' });
    expect(decide(402, { phase: 'pairing', attributes: { expire: '3600' } })).toMatchObject({
      action: 'stop',
    });
  });

  it('403 forbidden: stops until a person looks, keeps the credentials, alerts', () => {
    expect(decide(403)).toEqual({ ...stops, state: 'banned' });
  });

  it('405 client version refused: again after 1, 5 and then every 15 minutes, credentials kept', () => {
    const delays = [1, 2, 3, 4].map((sameCode) =>
      decide(405, { recent: { attempts: 7, sameCodeCount: sameCode } }),
    );
    expect(delays).toEqual(
      [1, 5, 15, 15].map((minutes) => ({ ...reconnects, action: 'retry', delayMs: minutes * minuteMs })),
    );
  });

  it('408 QR codes ended: ends the pairing, and leaves nothing', () => {
    const message = 'QR refs attempts ended';
    expect(decide(408, { phase: 'pairing', message })).toEqual({
      ...stops,
      credentials: 'erase',
      state: 'qr_expired',
      alert: false,
    });
    expect(decide(408, { message })).toEqual(reconnects);
  });

  it('408 connection lost or timed out: backs off', () => {
    expect(decide(408)).toEqual(reconnects);
  });

  it.each([409, 415, 418])('%i client not accepted: stops and alerts', (code) => {
    expect(decide(code)).toEqual(stops);
  });

  it('411 phone app too old: stops; the page tells the owner to update it', () => {
    expect(decide(411)).toEqual(stops);
  });

  it('428 connection closed: backs off', () => {
    expect(decide(428)).toEqual(reconnects);
  });

  it('440 replaced by another login: waits 30 s each time', () => {
    const waits = { ...reconnects, action: 'retry', delayMs: 30_000 };
    for (const replacements of [1, 2, 3, 4]) expect(decide(440, { recent: { replacements } })).toEqual(waits);
  });

  it('440 for the fifth time within the window: a conflict, with an alert and no further login', () => {
    expect(decide(440, { recent: { replacements: 5 } })).toEqual({ ...stops, state: 'conflict' });
  });

  it('500 any unknown error: backs off, keeps the credentials, and alerts at the fifth in a row', () => {
    const alerts = [1, 4, 5, 6].map((sameCode) => decide(500, { recent: { sameCodeCount: sameCode } }).alert);
    expect(alerts).toEqual([false, false, true, false]);
    expect(decide(500, { recent: { sameCodeCount: 50 } })).toEqual(reconnects);
  });

  it.each([501, 503, 599])('%i server restart, or a code nobody knows: backs off', (code) => {
    expect(decide(code)).toEqual(reconnects);
  });

  it('400 not WhatsApp at the other end: stops and alerts', () => {
    expect(decide(400)).toEqual(stops);
  });

  it('no code, but a passkey asked for: ends the pairing, and leaves nothing', () => {
    expect(decideAfterDisconnect(passkeyMissing, 'pairing')).toEqual({
      next: { action: 'stop' },
      credentials: 'erase',
      state: 'passkey_required',
      detail: 'passkey',
      alert: false,
    });
  });
});

describe('a socket that we gave up because it hears nothing', () => {
  it('is replaced at once, without a back-off and without an alert', () => {
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
  it.each([408, 428, 500, 503])('goes on with a new socket after %i', (code) => {
    expect(decide(code, { phase: 'pairing' })).toMatchObject({ action: 'reconnect', state: 'pairing' });
  });

  it('that keeps losing its socket is given up, a linked session never', () => {
    const pairing = (tries: number) => decide(428, { phase: 'pairing', recent: { attempts: tries } });
    expect(pairing(4)).toMatchObject({ action: 'reconnect' });
    expect(pairing(5)).toMatchObject({ action: 'stop', state: 'idle' });
    expect(decide(428, { recent: { attempts: 500 } })).toEqual(reconnects);
  });
});

describe("Baileys' error", () => {
  it('is read with its code, its words and the attributes of the failure', () => {
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

  it.each([undefined, null, new Error('no output'), 'text'])(
    '%s without a code counts as unknown',
    (error) => {
      expect(parseDisconnect(error)).toMatchObject({ code: 500, attributes: {} });
    },
  );
});
