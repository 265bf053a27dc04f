import { describe, expect, it } from 'vitest';
import { readPairingCode } from '../../../../public/scripts/shared/payloads.js';
import { type PageEvent, ConnectPageDriver } from '../../../support/clients/connect-page-driver.ts';

describe('linking by phone number', () => {
  const submit: PageEvent = { type: 'phone-submitted', typed: '+7 900 123-45-67' };

  it('sends nothing for what is not a number', () => {
    const visit = new ConnectPageDriver().connect('idle').send({ type: 'phone-submitted', typed: '12' });
    expect(visit.effects).toEqual(['qr']);
    expect(visit.model.pairing).toMatchObject({ status: 'failed', failure: { code: 'VALIDATION_ERROR' } });
  });

  it('shows the code until it runs out', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    if (!code) throw new Error('The code is not one');
    const visit = new ConnectPageDriver().connect('idle').send(submit, { type: 'pairing-code', code });
    expect(visit.advance(149).model.pairing.status).toBe('shown');
    expect(visit.advance(1).model.pairing.status).toBe('expired');
  });

  it('takes back a code whose socket WhatsApp has closed, and offers a new one', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    if (!code) throw new Error('The code is not one');
    const visit = new ConnectPageDriver().connect('idle').send(submit, { type: 'pairing-code', code });
    visit.send({ type: 'session-state', state: 'pairing' });
    expect(visit.model.pairing.status).toBe('shown');
    visit.send({ type: 'session-state', state: 'pairing', cause: '428' });
    expect(visit.model.pairing.status).toBe('expired');
  });

  it('takes back a code that the server says links no more, and leaves a request under way alone', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    const lost = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 0 });
    if (!code || !lost) throw new Error('The code is not one');
    const watching = new ConnectPageDriver().connect('idle').showQr(60).send({ type: 'pairing-code', code });
    watching.send({ type: 'pairing-code', code: lost });
    expect(watching.model.pairing.status).toBe('expired');
    expect(watching.screen).toBe('qr');

    const asking = new ConnectPageDriver()
      .connect('idle')
      .send(submit, { type: 'pairing-code', code }, submit);
    asking.send({ type: 'pairing-code', code: lost });
    expect(asking.model.pairing.status).toBe('pending');
    expect(asking.fail('CONNECTION_FAILED').model.pairing.status).toBe('failed');
  });

  it('takes back a code whose pairing has ended', () => {
    const code = readPairingCode({ code: 'ABCD1234', phone: '+79001234567', expiresIn: 150 });
    if (!code) throw new Error('The code is not one');
    const visit = new ConnectPageDriver().connect('pairing').send({ type: 'pairing-code', code });
    visit.send({ type: 'session-state', state: 'idle' }, { type: 'session-state', state: 'pairing' });
    expect(visit.model.pairing.status).toBe('expired');
  });

  it('keeps its failures in its own form and leaves the QR code on the page', () => {
    const visit = new ConnectPageDriver().connect('idle').showQr(60).send(submit).fail('RATE_LIMIT', 10);
    expect(visit.screen).toBe('qr');
    expect(visit.model.pairing.status).toBe('failed');
    expect(visit.advance(10).effects).toEqual(['qr', 'pairing-code', 'pairing-code']);
  });

  it.each(['logged_out', 'stopped', 'conflict', 'phone_outdated'])(
    'says why there is no code also where the session is %s, beside what the page says of that',
    (state) => {
      const visit = new ConnectPageDriver().connect(state).send(submit).fail('CONNECTION_FAILED');
      expect(visit.model.pairing).toMatchObject({
        status: 'failed',
        failure: { code: 'CONNECTION_FAILED', message: 'why' },
        phone: '+79001234567',
      });
      expect(visit.screen).toBe(state);
      expect(new ConnectPageDriver().connect(state).send(submit).advance(30).model.pairing.status).toBe(
        'failed',
      );
    },
  );

  it('gives up on a server that never answers', () => {
    const visit = new ConnectPageDriver().connect('idle').showQr(60).send(submit).advance(30);
    expect(visit.model.pairing.status).toBe('failed');
  });

  it('leaves the form when the token died, whatever was asked for', () => {
    expect(new ConnectPageDriver().connect('idle').send(submit).fail('INVALID_TOKEN').screen).toBe('error');
  });
});
