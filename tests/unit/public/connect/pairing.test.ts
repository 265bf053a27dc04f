import { describe, expect, it } from 'vitest';
import { readPairingCode } from '../../../../public/scripts/shared/payloads.js';
import { type PageEvent, ConnectPageDriver } from '../../../support/clients/connect-page-driver.ts';

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
