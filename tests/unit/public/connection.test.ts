import { describe, expect, it } from 'vitest';
import { readFailure, readQr, readSessionState, readStatus } from '../../../public/scripts/payloads.js';
import { Visit } from '../../support/clients/connect-page-driver.ts';

describe('arriving at the page', () => {
  it('asks for a code by itself when the salon has never been connected', () => {
    const visit = new Visit().join('idle');
    expect(visit.asked).toEqual(['qr']);
    expect(visit.screen).toBe('waiting');
  });

  it.each([
    'connected',
    'reconnecting',
    'connecting',
    'qr_expired',
    'logged_out',
    'banned',
    'conflict',
    'stopped',
  ])('starts nothing when the session is %s', (state) => {
    const visit = new Visit().join(state).pass(30);
    expect(visit.asked).toEqual([]);
    expect(visit.screen).toBe(state);
  });

  it('joins a pairing that already runs without asking again', () => {
    const visit = new Visit().join('pairing');
    expect(visit.screen).toBe('waiting');
    expect(visit.showQr(20).screen).toBe('qr');
    expect(visit.asked).toEqual([]);
  });
});

describe('a code', () => {
  it('waits for its successor for the second that the server rounded away, no longer, even when no timer has fired', () => {
    const visit = new Visit().join('idle').showQr(20);
    expect(visit.freeze(20).screen).toBe('qr');
    expect(visit.freeze(1).screen).not.toBe('qr');
  });

  it('gives way to the next one', () => {
    const visit = new Visit().join('idle').showQr(20).pass(21);
    expect(visit.screen).toBe('waiting');
    expect(visit.showQr(20).screen).toBe('qr');
  });

  it('disappears the moment the phone is linked, and a late one does not come back', () => {
    const visit = new Visit().join('idle').showQr(60).send({ type: 'linked', phone: '+79001234567' });
    expect(visit.screen).toBe('connected');
    expect(visit.showQr(60).screen).toBe('connected');
    expect(visit.model.phone).toBe('+79001234567');
  });

  it('that takes too long is admitted to be slow', () => {
    const visit = new Visit().join('idle');
    expect(visit.pass(14).slow).toBe(false);
    expect(visit.pass(1).slow).toBe(true);
  });

  it('is asked for again only by the button once all codes ran out', () => {
    const visit = new Visit()
      .join('idle')
      .showQr(20)
      .send({ type: 'session-state', state: 'qr_expired' })
      .pass(60);
    expect(visit.screen).toBe('qr_expired');
    expect(visit.asked).toEqual(['qr']);
    visit.send({ type: 'new-code-pressed' });
    expect(visit.asked).toEqual(['qr', 'qr']);
    expect(visit.screen).toBe('waiting');
  });
});

describe('a refusal', () => {
  it('of WhatsApp is retried twice, then offers the pairing code and stops', () => {
    const visit = new Visit().join('idle');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      visit.fail('CONNECTION_FAILED').send({ type: 'session-state', state: 'idle' }).pass(5);
    }
    expect(visit.asked).toEqual(['qr', 'qr', 'qr']);
    expect(visit.screen).toBe('refused');
    expect(visit.pass(60).asked).toHaveLength(3);
  });

  it('that the state of the session tells already is not asked again, and does not cover it', () => {
    const visit = new Visit().join('idle').send({ type: 'session-state', state: 'banned', cause: '403' });
    visit.fail('CONNECTION_FAILED').pass(10);
    expect(visit.screen).toBe('banned');
    expect(visit.asked).toEqual(['qr']);
  });

  it('of what a button asked for is shown, whatever state is told', () => {
    const visit = new Visit().join('logged_out').send({ type: 'new-code-pressed' });
    expect(visit.fail('CONNECTION_FAILED').screen).toBe('waiting');
    expect(visit.pass(2).asked).toEqual(['qr', 'qr']);
  });

  it('because another page has linked the salon meanwhile leaves the page connected', () => {
    const visit = new Visit().join('idle').send({ type: 'linked', phone: '+79001234567' });
    expect(visit.fail('FORBIDDEN').screen).toBe('connected');
  });

  it('for haste counts down and repeats the request by itself', () => {
    const visit = new Visit().join('idle').fail('RATE_LIMIT', 12);
    expect(visit.pass(11).asked).toEqual(['qr']);
    expect(visit.screen).toBe('error');
    expect(visit.pass(1).asked).toEqual(['qr', 'qr']);
    expect(visit.screen).toBe('waiting');
  });

  it('of the handshake for haste connects again after the wait', () => {
    const visit = new Visit().send({ type: 'link-down' }).fail('RATE_LIMIT', 3).pass(3);
    expect(visit.asked).toEqual(['connect']);
  });

  it('of the database is repeated after five seconds when the server names no time', () => {
    const visit = new Visit().join('idle').fail('DB_ERROR');
    expect(visit.pass(4).asked).toEqual(['qr']);
    expect(visit.pass(1).asked).toEqual(['qr', 'qr']);
  });

  it.each(['INVALID_TOKEN', 'COMPANY_NOT_FOUND', 'FORBIDDEN'])(
    'with %s ends the conversation for good',
    (code) => {
      const visit = new Visit().join('idle').showQr(60).fail(code);
      visit.send({ type: 'link-down' }, { type: 'browser-online' }, { type: 'new-code-pressed' }).pass(120);
      expect(visit.asked).toEqual(['qr', 'close']);
      expect(visit.screen).toBe('error');
      expect(visit.model.failure?.code).toBe(code);
    },
  );

  it.each([
    ['QR_EXPIRED', 'qr_expired'],
    ['PASSKEY_REQUIRED', 'passkey_required'],
  ])('with %s shows %s', (code, screen) => {
    expect(new Visit().join('idle').fail(code).screen).toBe(screen);
  });

  it('with a code this page does not know shows an error and repeats nothing', () => {
    const visit = new Visit().join('idle').fail('SOMETHING_NEW').pass(60);
    expect(visit.screen).toBe('error');
    expect(visit.asked).toEqual(['qr']);
  });
});

describe('losing the server', () => {
  it('hides the code and says so, and shows the state again when back', () => {
    const visit = new Visit().join('idle').showQr(60).send({ type: 'link-down' });
    expect(visit.screen).toBe('offline');
    expect(visit.join('pairing').showQr(40).screen).toBe('qr');
    expect(visit.asked).toEqual(['qr']);
  });

  it('connects at once when the browser is online again, and not when nothing was lost', () => {
    expect(new Visit().join('connected').send({ type: 'browser-online' }).asked).toEqual([]);
    const visit = new Visit().join('connected').send({ type: 'link-down' }, { type: 'browser-online' });
    expect(visit.asked).toEqual(['connect']);
  });
});

describe('losing WhatsApp', () => {
  it('because the phone is out of date asks for an update, not just for a new code', () => {
    const told = (payload: unknown) => new Visit().join(readSessionState(payload) ?? '').screen;
    expect(told({ state: 'stopped', detail: '411' })).toBe('phone_outdated');
    expect(told({ state: 'stopped', detail: '409' })).toBe('stopped');
    expect(told({ state: 'reconnecting', detail: '411' })).toBe('reconnecting');
  });

  it('shows the reason that the server has already told', () => {
    const visit = new Visit().join('connected').send({ type: 'session-state', state: 'logged_out' });
    expect(visit.send({ type: 'unlinked', willReconnect: false }).screen).toBe('logged_out');
  });

  it('for a moment asks nothing of the person', () => {
    const visit = new Visit().join('connected').send({ type: 'unlinked', willReconnect: true });
    expect(visit.screen).toBe('reconnecting');
    expect(visit.send({ type: 'linked', phone: undefined }).screen).toBe('connected');
  });
});

describe('a message of the wrong shape', () => {
  it.each([
    undefined,
    null,
    'text',
    {},
    { qr: 'https://evil.example/x.png', expiresIn: 20 },
    { qr: 'data:image/png;base64,AA==', expiresIn: 0 },
    { qr: 'data:image/png;base64,AA==', expiresIn: '20' },
  ])('%j is no QR code', (payload) => {
    expect(readQr(payload)).toBeUndefined();
  });

  it('is still a failure, of an unknown kind', () => {
    expect(readFailure(undefined)).toEqual({ code: 'UNKNOWN', message: '', retryAfterSeconds: undefined });
  });
});

describe('a restriction of new chats', () => {
  it('is shown in the words of the server, and goes from an open page when it is over', () => {
    const told = (restriction: unknown) => ({ type: 'status', status: readStatus({ restriction }) }) as const;
    const visit = new Visit().join('connected').send(told({ message: 'до 15:30', until: 'x' }));
    expect(visit.model.restriction).toBe('до 15:30');
    expect(visit.send(told(null)).model.restriction).toBe('');
  });
});
