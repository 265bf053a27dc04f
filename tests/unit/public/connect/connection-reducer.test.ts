import { describe, expect, it } from 'vitest';
import {
  readFailure,
  readQr,
  readSessionState,
  readStatus,
} from '../../../../public/scripts/shared/payloads.js';
import { ConnectPageDriver } from '../../../support/clients/connect-page-driver.ts';

describe('arriving at the page', () => {
  it('asks for a code by itself when the salon has never been connected', () => {
    const visit = new ConnectPageDriver().connect('idle');
    expect(visit.effects).toEqual(['qr']);
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
    const visit = new ConnectPageDriver().connect(state).advance(30);
    expect(visit.effects).toEqual([]);
    expect(visit.screen).toBe(state);
  });

  it('joins a pairing that already runs without asking again', () => {
    const visit = new ConnectPageDriver().connect('pairing');
    expect(visit.screen).toBe('waiting');
    expect(visit.showQr(20).screen).toBe('qr');
    expect(visit.effects).toEqual([]);
  });
});

describe('a code', () => {
  it('waits for its successor for the second that the server rounded away, no longer, even when no timer has fired', () => {
    const visit = new ConnectPageDriver().connect('idle').showQr(20);
    expect(visit.suspendTimers(20).screen).toBe('qr');
    expect(visit.suspendTimers(1).screen).not.toBe('qr');
  });

  it('gives way to the next one', () => {
    const visit = new ConnectPageDriver().connect('idle').showQr(20).advance(21);
    expect(visit.screen).toBe('waiting');
    expect(visit.showQr(20).screen).toBe('qr');
  });

  it('disappears the moment the phone is linked, and a late one does not come back', () => {
    const visit = new ConnectPageDriver()
      .connect('idle')
      .showQr(60)
      .send({ type: 'linked', phone: '+79001234567' });
    expect(visit.screen).toBe('connected');
    expect(visit.showQr(60).screen).toBe('connected');
    expect(visit.model.phone).toBe('+79001234567');
  });

  it('that takes too long is admitted to be slow', () => {
    const visit = new ConnectPageDriver().connect('idle');
    expect(visit.advance(14).slow).toBe(false);
    expect(visit.advance(1).slow).toBe(true);
  });

  it('is asked for again only by the button once all codes ran out', () => {
    const visit = new ConnectPageDriver()
      .connect('idle')
      .showQr(20)
      .send({ type: 'session-state', state: 'qr_expired' })
      .advance(60);
    expect(visit.screen).toBe('qr_expired');
    expect(visit.effects).toEqual(['qr']);
    visit.send({ type: 'new-code-pressed' });
    expect(visit.effects).toEqual(['qr', 'qr']);
    expect(visit.screen).toBe('waiting');
  });
});

describe('a refusal', () => {
  it('of WhatsApp is retried twice, then offers the pairing code and stops', () => {
    const visit = new ConnectPageDriver().connect('idle');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      visit.fail('CONNECTION_FAILED').send({ type: 'session-state', state: 'idle' }).advance(5);
    }
    expect(visit.effects).toEqual(['qr', 'qr', 'qr']);
    expect(visit.screen).toBe('refused');
    expect(visit.advance(60).effects).toHaveLength(3);
  });

  it('that the state of the session tells already is not asked again, and does not cover it', () => {
    const visit = new ConnectPageDriver()
      .connect('idle')
      .send({ type: 'session-state', state: 'banned', cause: '403' });
    visit.fail('CONNECTION_FAILED').advance(10);
    expect(visit.screen).toBe('banned');
    expect(visit.effects).toEqual(['qr']);
  });

  it('of what a button asked for is shown, whatever state is told', () => {
    const visit = new ConnectPageDriver().connect('logged_out').send({ type: 'new-code-pressed' });
    expect(visit.fail('CONNECTION_FAILED').screen).toBe('waiting');
    expect(visit.advance(2).effects).toEqual(['qr', 'qr']);
  });

  it('because another page has linked the salon meanwhile leaves the page connected', () => {
    const visit = new ConnectPageDriver().connect('idle').send({ type: 'linked', phone: '+79001234567' });
    expect(visit.fail('FORBIDDEN').screen).toBe('connected');
  });

  it('for haste counts down and repeats the request by itself', () => {
    const visit = new ConnectPageDriver().connect('idle').fail('RATE_LIMIT', 12);
    expect(visit.advance(11).effects).toEqual(['qr']);
    expect(visit.screen).toBe('error');
    expect(visit.advance(1).effects).toEqual(['qr', 'qr']);
    expect(visit.screen).toBe('waiting');
  });

  it('of the handshake for haste connects again after the wait', () => {
    const visit = new ConnectPageDriver().send({ type: 'link-down' }).fail('RATE_LIMIT', 3).advance(3);
    expect(visit.effects).toEqual(['connect']);
  });

  it('of the database is repeated after five seconds when the server names no time', () => {
    const visit = new ConnectPageDriver().connect('idle').fail('DB_ERROR');
    expect(visit.advance(4).effects).toEqual(['qr']);
    expect(visit.advance(1).effects).toEqual(['qr', 'qr']);
  });

  it.each(['INVALID_TOKEN', 'COMPANY_NOT_FOUND', 'FORBIDDEN'])(
    'with %s ends the conversation for good',
    (code) => {
      const visit = new ConnectPageDriver().connect('idle').showQr(60).fail(code);
      visit.send({ type: 'link-down' }, { type: 'reconnect' }, { type: 'new-code-pressed' }).advance(120);
      expect(visit.effects).toEqual(['qr', 'close']);
      expect(visit.screen).toBe('error');
      expect(visit.model.failure?.code).toBe(code);
    },
  );

  it.each([
    ['QR_EXPIRED', 'qr_expired'],
    ['PASSKEY_REQUIRED', 'passkey_required'],
  ])('with %s shows %s', (code, screen) => {
    expect(new ConnectPageDriver().connect('idle').fail(code).screen).toBe(screen);
  });

  it('with a code this page does not know shows an error and repeats nothing', () => {
    const visit = new ConnectPageDriver().connect('idle').fail('SOMETHING_NEW').advance(60);
    expect(visit.screen).toBe('error');
    expect(visit.effects).toEqual(['qr']);
  });
});

describe('losing the server', () => {
  it('hides the code and says so, and shows the state again when back', () => {
    const visit = new ConnectPageDriver().connect('idle').showQr(60).send({ type: 'link-down' });
    expect(visit.screen).toBe('offline');
    expect(visit.connect('pairing').showQr(40).screen).toBe('qr');
    expect(visit.effects).toEqual(['qr']);
  });

  it('connects at once when the browser is online again, and not when nothing was lost', () => {
    expect(new ConnectPageDriver().connect('connected').send({ type: 'reconnect' }).effects).toEqual([]);
    const visit = new ConnectPageDriver()
      .connect('connected')
      .send({ type: 'link-down' }, { type: 'reconnect' });
    expect(visit.effects).toEqual(['connect']);
  });
});

describe('losing WhatsApp', () => {
  it('because the phone is out of date asks for an update, not just for a new code', () => {
    const screenFor = (payload: unknown) =>
      new ConnectPageDriver().connect(readSessionState(payload) ?? '').screen;
    expect(screenFor({ state: 'stopped', detail: '411' })).toBe('phone_outdated');
    expect(screenFor({ state: 'stopped', detail: '409' })).toBe('stopped');
    expect(screenFor({ state: 'reconnecting', detail: '411' })).toBe('reconnecting');
  });

  it('shows the reason that the server has already told', () => {
    const visit = new ConnectPageDriver()
      .connect('connected')
      .send({ type: 'session-state', state: 'logged_out' });
    expect(visit.send({ type: 'unlinked', willReconnect: false }).screen).toBe('logged_out');
  });

  it('for a moment asks nothing of the person', () => {
    const visit = new ConnectPageDriver()
      .connect('connected')
      .send({ type: 'unlinked', willReconnect: true });
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
    const statusEvent = (restriction: unknown) =>
      ({ type: 'status', status: readStatus({ restriction }) }) as const;
    const visit = new ConnectPageDriver()
      .connect('connected')
      .send(statusEvent({ message: 'до 15:30', until: 'x' }));
    expect(visit.model.restriction).toBe('до 15:30');
    expect(visit.send(statusEvent(null)).model.restriction).toBe('');
  });
});
