import { describe, expect, it } from 'vitest';
import {
  readFailure,
  readPairingCode,
  readQr,
  readSessionState,
  readStatus,
} from '../../../../public/scripts/shared/payloads.js';
import { type PageEvent, ConnectPageDriver } from '../../../support/clients/connect-page-driver.ts';

describe('opening the connect page', () => {
  it('requests a code automatically if the salon has never been connected', () => {
    const page = new ConnectPageDriver().connect('idle');
    expect(page.effects).toEqual(['qr']);
    expect(page.screen).toBe('waiting');
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
  ])('requests no code if the session is %s', (state) => {
    const page = new ConnectPageDriver().connect(state).advance(30);
    expect(page.effects).toEqual([]);
    expect(page.screen).toBe(state);
  });

  it('joins a running pairing without requesting a code', () => {
    const page = new ConnectPageDriver().connect('pairing');
    expect(page.screen).toBe('waiting');
    expect(page.showQr(20).screen).toBe('qr');
    expect(page.effects).toEqual([]);
  });
});

describe('a QR code', () => {
  it('stays one second past its rounded lifetime, even if no timer fires', () => {
    const page = new ConnectPageDriver().connect('idle').showQr(20);
    expect(page.suspendTimers(20).screen).toBe('qr');
    expect(page.suspendTimers(1).screen).not.toBe('qr');
  });

  it('is replaced by the next one', () => {
    const page = new ConnectPageDriver().connect('idle').showQr(20).advance(21);
    expect(page.screen).toBe('waiting');
    expect(page.showQr(20).screen).toBe('qr');
  });

  it('disappears once the phone is linked, and a late code is ignored', () => {
    const page = new ConnectPageDriver()
      .connect('idle')
      .showQr(60)
      .send({ type: 'linked', phone: '+79001234567' });
    expect(page.screen).toBe('connected');
    expect(page.showQr(60).screen).toBe('connected');
    expect(page.model.phone).toBe('+79001234567');
  });

  it('is reported as slow after 15 seconds', () => {
    const page = new ConnectPageDriver().connect('idle');
    expect(page.advance(14).slow).toBe(false);
    expect(page.advance(1).slow).toBe(true);
  });

  it('is requested again only by the button once all codes have expired', () => {
    const page = new ConnectPageDriver()
      .connect('idle')
      .showQr(20)
      .send({ type: 'session-state', state: 'qr_expired' })
      .advance(60);
    expect(page.screen).toBe('qr_expired');
    expect(page.effects).toEqual(['qr']);
    page.send({ type: 'new-code-pressed' });
    expect(page.effects).toEqual(['qr', 'qr']);
    expect(page.screen).toBe('waiting');
  });
});

describe('a failure', () => {
  it('of the WhatsApp connection is retried twice, then the pairing code is offered', () => {
    const page = new ConnectPageDriver().connect('idle');
    for (let attempt = 0; attempt < 3; attempt += 1) {
      page.fail('CONNECTION_FAILED').send({ type: 'session-state', state: 'idle' }).advance(5);
    }
    expect(page.effects).toEqual(['qr', 'qr', 'qr']);
    expect(page.screen).toBe('refused');
    expect(page.advance(60).effects).toHaveLength(3);
  });

  it('that the session state already explains is neither retried nor shown', () => {
    const page = new ConnectPageDriver()
      .connect('idle')
      .send({ type: 'session-state', state: 'banned', cause: '403' });
    page.fail('CONNECTION_FAILED').advance(10);
    expect(page.screen).toBe('banned');
    expect(page.effects).toEqual(['qr']);
  });

  it('of a request by button is retried in any session state', () => {
    const page = new ConnectPageDriver().connect('logged_out').send({ type: 'new-code-pressed' });
    expect(page.fail('CONNECTION_FAILED').screen).toBe('waiting');
    expect(page.advance(2).effects).toEqual(['qr', 'qr']);
  });

  it('caused by a login from another page leaves the page connected', () => {
    const page = new ConnectPageDriver().connect('idle').send({ type: 'linked', phone: '+79001234567' });
    expect(page.fail('FORBIDDEN').screen).toBe('connected');
  });

  it('RATE_LIMIT counts down and repeats the request', () => {
    const page = new ConnectPageDriver().connect('idle').fail('RATE_LIMIT', 12);
    expect(page.advance(11).effects).toEqual(['qr']);
    expect(page.screen).toBe('error');
    expect(page.advance(1).effects).toEqual(['qr', 'qr']);
    expect(page.screen).toBe('waiting');
  });

  it('RATE_LIMIT of the handshake reconnects after the wait', () => {
    const page = new ConnectPageDriver().send({ type: 'link-down' }).fail('RATE_LIMIT', 3).advance(3);
    expect(page.effects).toEqual(['connect']);
  });

  it('DB_ERROR without retryAfter is retried after five seconds', () => {
    const page = new ConnectPageDriver().connect('idle').fail('DB_ERROR');
    expect(page.advance(4).effects).toEqual(['qr']);
    expect(page.advance(1).effects).toEqual(['qr', 'qr']);
  });

  it.each(['INVALID_TOKEN', 'COMPANY_NOT_FOUND', 'FORBIDDEN'])(
    'with %s closes the connection for good',
    (code) => {
      const page = new ConnectPageDriver().connect('idle').showQr(60).fail(code);
      page.send({ type: 'link-down' }, { type: 'reconnect' }, { type: 'new-code-pressed' }).advance(120);
      expect(page.effects).toEqual(['qr', 'close']);
      expect(page.screen).toBe('error');
      expect(page.model.failure?.code).toBe(code);
    },
  );

  it.each([
    ['QR_EXPIRED', 'qr_expired'],
    ['PASSKEY_REQUIRED', 'passkey_required'],
  ])('with %s shows %s', (code, screen) => {
    expect(new ConnectPageDriver().connect('idle').fail(code).screen).toBe(screen);
  });

  it('with an unknown code shows an error and is not retried', () => {
    const page = new ConnectPageDriver().connect('idle').fail('SOMETHING_NEW').advance(60);
    expect(page.screen).toBe('error');
    expect(page.effects).toEqual(['qr']);
  });
});

describe('a lost server connection', () => {
  it('hides the code and shows the state again after the reconnect', () => {
    const page = new ConnectPageDriver().connect('idle').showQr(60).send({ type: 'link-down' });
    expect(page.screen).toBe('offline');
    expect(page.connect('pairing').showQr(40).screen).toBe('qr');
    expect(page.effects).toEqual(['qr']);
  });

  it('is reopened when the browser is back online, unless it is up', () => {
    expect(new ConnectPageDriver().connect('connected').send({ type: 'reconnect' }).effects).toEqual([]);
    const page = new ConnectPageDriver()
      .connect('connected')
      .send({ type: 'link-down' }, { type: 'reconnect' });
    expect(page.effects).toEqual(['connect']);
  });
});

describe('a lost WhatsApp connection', () => {
  it('with cause 411 shows the outdated-phone screen', () => {
    const screenFor = (payload: unknown) =>
      new ConnectPageDriver().connect(readSessionState(payload) ?? '').screen;
    expect(screenFor({ state: 'stopped', detail: '411' })).toBe('phone_outdated');
    expect(screenFor({ state: 'stopped', detail: '409' })).toBe('stopped');
    expect(screenFor({ state: 'reconnecting', detail: '411' })).toBe('reconnecting');
  });

  it('keeps the reason that the session state gave', () => {
    const page = new ConnectPageDriver()
      .connect('connected')
      .send({ type: 'session-state', state: 'logged_out' });
    expect(page.send({ type: 'unlinked', willReconnect: false }).screen).toBe('logged_out');
  });

  it('shows "reconnecting" while the server reconnects', () => {
    const page = new ConnectPageDriver().connect('connected').send({ type: 'unlinked', willReconnect: true });
    expect(page.screen).toBe('reconnecting');
    expect(page.send({ type: 'linked', phone: undefined }).screen).toBe('connected');
  });
});

describe('a malformed payload', () => {
  it.each([
    undefined,
    null,
    'text',
    {},
    { qr: 'https://evil.example/x.png', expiresIn: 20 },
    { qr: 'data:image/png;base64,AA==', expiresIn: 0 },
    { qr: 'data:image/png;base64,AA==', expiresIn: '20' },
  ])('%j is not a QR code', (payload) => {
    expect(readQr(payload)).toBeUndefined();
  });

  it('of an error is a failure with an unknown code', () => {
    expect(readFailure(undefined)).toEqual({ code: 'UNKNOWN', message: '', retryAfterSeconds: undefined });
  });
});

describe('a new-chat restriction', () => {
  it('shows the message of the server and disappears when lifted', () => {
    const statusEvent = (restriction: unknown) =>
      ({ type: 'status', status: readStatus({ restriction }) }) as const;
    const page = new ConnectPageDriver()
      .connect('connected')
      .send(statusEvent({ message: 'до 15:30', until: 'x' }));
    expect(page.model.restriction).toBe('до 15:30');
    expect(page.send(statusEvent(null)).model.restriction).toBe('');
  });
});

describe('linking by phone number', () => {
  const submit: PageEvent = { type: 'phone-submitted', typed: '+7 900 123-45-67' };

  it('sends no request for an invalid number', () => {
    const page = new ConnectPageDriver().connect('idle').send({ type: 'phone-submitted', typed: '12' });
    expect(page.effects).toEqual(['qr']);
    expect(page.model.pairing).toMatchObject({ status: 'failed', failure: { code: 'VALIDATION_ERROR' } });
  });

  it('shows the code until it expires', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    if (!code) throw new Error('Invalid pairing code payload');
    const page = new ConnectPageDriver().connect('idle').send(submit, { type: 'pairing-code', code });
    expect(page.advance(149).model.pairing.status).toBe('shown');
    expect(page.advance(1).model.pairing.status).toBe('expired');
  });

  it('expires the code when WhatsApp closes its socket', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    if (!code) throw new Error('Invalid pairing code payload');
    const page = new ConnectPageDriver().connect('idle').send(submit, { type: 'pairing-code', code });
    page.send({ type: 'session-state', state: 'pairing' });
    expect(page.model.pairing.status).toBe('shown');
    page.send({ type: 'session-state', state: 'pairing', cause: '428' });
    expect(page.model.pairing.status).toBe('expired');
  });

  it('expires a code that the server revokes, but keeps a pending request', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    const revoked = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 0 });
    if (!code || !revoked) throw new Error('Invalid pairing code payload');
    const page = new ConnectPageDriver().connect('idle').showQr(60).send({ type: 'pairing-code', code });
    page.send({ type: 'pairing-code', code: revoked });
    expect(page.model.pairing.status).toBe('expired');
    expect(page.screen).toBe('qr');

    const requestingPage = new ConnectPageDriver()
      .connect('idle')
      .send(submit, { type: 'pairing-code', code }, submit);
    requestingPage.send({ type: 'pairing-code', code: revoked });
    expect(requestingPage.model.pairing.status).toBe('pending');
    expect(requestingPage.fail('CONNECTION_FAILED').model.pairing.status).toBe('failed');
  });

  it('expires the code when its pairing ends', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    if (!code) throw new Error('Invalid pairing code payload');
    const page = new ConnectPageDriver().connect('pairing').send({ type: 'pairing-code', code });
    page.send({ type: 'session-state', state: 'idle' }, { type: 'session-state', state: 'pairing' });
    expect(page.model.pairing.status).toBe('expired');
  });

  it('shows failures in its form and keeps the QR code on the page', () => {
    const page = new ConnectPageDriver().connect('idle').showQr(60).send(submit).fail('RATE_LIMIT', 10);
    expect(page.screen).toBe('qr');
    expect(page.model.pairing.status).toBe('failed');
    expect(page.advance(10).effects).toEqual(['qr', 'pairing-code', 'pairing-code']);
  });

  it.each(['logged_out', 'stopped', 'conflict', 'phone_outdated'])(
    'shows why there is no code beside the %s screen',
    (state) => {
      const page = new ConnectPageDriver().connect(state).send(submit).fail('CONNECTION_FAILED');
      expect(page.model.pairing).toMatchObject({
        status: 'failed',
        failure: { code: 'CONNECTION_FAILED', message: 'why' },
        phone: '+79001234567',
      });
      expect(page.screen).toBe(state);
      expect(new ConnectPageDriver().connect(state).send(submit).advance(30).model.pairing.status).toBe(
        'failed',
      );
    },
  );

  it('fails if the server does not respond within 30 seconds', () => {
    const page = new ConnectPageDriver().connect('idle').showQr(60).send(submit).advance(30);
    expect(page.model.pairing.status).toBe('failed');
  });

  it('shows the error screen if the token is invalid', () => {
    expect(new ConnectPageDriver().connect('idle').send(submit).fail('INVALID_TOKEN').screen).toBe('error');
  });
});
