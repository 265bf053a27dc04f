import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { AppError, errorCodes } from '../../../../src/domain/errors/app-error.ts';
import { companyId, otherCompanyId, otherToken } from '../../../support/fixtures/test-companies.ts';
import {
  joined,
  secondsFromNow,
  startSocketTestServer,
  type PageClient,
} from '../../../support/servers/socket-test-server.ts';

const first = async (client: PageClient, name: string): Promise<unknown> =>
  await waitFor(name, () => client.payloads(name)[0]);

const code = (text: string, sequence: number, seconds = 20) => ({
  text,
  sequence,
  expiresAt: secondsFromNow(seconds),
});

describe('a QR code', () => {
  it('reaches every client of its company, rendered once, and no other', async () => {
    await using server = await startSocketTestServer();
    const mine = [await joined(server.open()), await joined(server.open())];
    const otherClient = await joined(server.open({ auth: { token: otherToken } }));
    const qr = code('2@secret', 3, 19.9);
    server.sessions.emit('qr', companyId, qr);
    for (const client of mine) {
      expect(await first(client, 'qr-update')).toEqual({
        qr: `data:image/png;base64,${btoa('2@secret')}`,
        text: '2@secret',
        sequence: 3,
        expiresIn: 19,
        expiresAt: qr.expiresAt.toISOString(),
      });
    }
    server.sessions.emit('state', otherCompanyId, { state: 'pairing', since: new Date() });
    await waitFor('the state of the other company', () => otherClient.payloads('session-state').length === 2);
    expect(otherClient.payloads('qr-update')).toEqual([]);
    expect(server.renderedQrTexts).toEqual(['2@secret']);
    expect(server.log.lines.join('\n')).not.toContain('2@secret');
  });

  it('is sent to a client that joins late, without rendering it again', async () => {
    await using server = await startSocketTestServer();
    server.sessions.emit('state', companyId, { state: 'pairing', since: new Date() });
    server.sessions.emit('qr', companyId, code('live', 1));
    const late = server.open();
    expect(await first(late, 'session-state')).toMatchObject({ state: 'pairing' });
    expect(await first(late, 'qr-update')).toMatchObject({ text: 'live' });
    expect(server.renderedQrTexts).toEqual(['live']);
  });

  it('is not sent once expired, replaced or used', async () => {
    let finishRendering = (): void => undefined;
    const rendering = new Promise<void>((resolve) => {
      finishRendering = resolve;
    });
    await using server = await startSocketTestServer({
      service: {
        renderQR: async (qr) => {
          if (qr.text === 'slow') await rendering;
          return { ...qr, qr: 'data:' };
        },
      },
    });
    const client = await joined(server.open());
    server.sessions.emit('qr', companyId, code('expired', 1, -1));
    server.sessions.emit('qr', companyId, code('slow', 2));
    server.sessions.emit('qr', companyId, code('newer', 3));
    await first(client, 'qr-update');
    finishRendering();
    server.sessions.emit('state', companyId, { state: 'connected', since: new Date() });
    const late = await joined(server.open());
    late.socket.emit('request-qr');
    await first(late, 'qr-update');
    expect(client.payloads('qr-update')).toMatchObject([{ text: 'newer' }]);
    expect(late.payloads('qr-update')).toMatchObject([{ text: 'requested' }]);
  });

  it('that fails to render is logged, and the next one is sent', async () => {
    await using server = await startSocketTestServer({
      service: {
        renderQR: async (qr) => {
          if (qr.text === 'bad') throw new Error('worker died');
          return { ...qr, qr: 'data:' };
        },
      },
    });
    const client = await joined(server.open());
    server.sessions.emit('qr', companyId, code('bad', 1));
    await waitFor('the log line', () => server.log.lines.some((line) => line.includes('worker died')));
    server.sessions.emit('qr', companyId, code('good', 2));
    expect(await first(client, 'qr-update')).toMatchObject({ text: 'good' });
  });
});

describe('request-qr', () => {
  it('starts a pairing and acknowledges the request', async () => {
    const requested: number[] = [];
    await using server = await startSocketTestServer({
      service: {
        generateQR: async (id) => {
          requested.push(id);
          return { qr: 'data:', text: 'new', sequence: 1, expiresAt: secondsFromNow(20) };
        },
      },
    });
    const client = await joined(server.open());
    expect(await client.socket.timeout(2000).emitWithAck('request-qr')).toEqual({ ok: true });
    expect(await first(client, 'qr-update')).toMatchObject({ text: 'new' });
    expect(requested).toEqual([companyId]);
  });

  it('reports a failure in the acknowledgement and as an error event', async () => {
    await using server = await startSocketTestServer({
      service: {
        generateQR: async () => {
          throw new AppError('QR_EXPIRED');
        },
      },
    });
    const client = await joined(server.open());
    const ack: unknown = await client.socket.timeout(2000).emitWithAck('request-qr');
    expect(ack).toEqual({ ok: false, code: 'QR_EXPIRED' });
    expect(await first(client, 'error')).toEqual({
      code: 'QR_EXPIRED',
      message: errorCodes.QR_EXPIRED.text.ru,
    });
  });
});

describe('request-pairing-code', () => {
  it('sends the code to every client of the company', async () => {
    await using server = await startSocketTestServer();
    const requester = await joined(server.open());
    const observer = await joined(server.open());
    requester.socket.emit('request-pairing-code', { phone: '8 900 123-45-67' });
    const expected = { code: 'ABCD1234', phone: '+79001234567', expiresIn: 60 };
    expect(await first(requester, 'pairing-code')).toEqual(expected);
    expect(await first(observer, 'pairing-code')).toEqual(expected);
  });

  it('sends a code that was requested elsewhere, and its expiry', async () => {
    await using server = await startSocketTestServer();
    const mine = [await joined(server.open()), await joined(server.open())];
    const otherClient = await joined(server.open({ auth: { token: otherToken } }));
    const pairing = { code: 'EFGH5678', phone: '+79001234567' };
    server.sessions.emit('pairing-code', companyId, { ...pairing, expiresAt: secondsFromNow(150) });
    server.sessions.emit('pairing-code', companyId, { ...pairing, expiresAt: new Date(0) });
    for (const client of mine) {
      await waitFor('both codes', () => client.payloads('pairing-code').length === 2);
      expect(client.payloads('pairing-code')).toEqual([
        { ...pairing, expiresIn: 150 },
        { ...pairing, expiresIn: 0 },
      ]);
    }
    server.sessions.emit('state', otherCompanyId, { state: 'pairing', since: new Date() });
    await waitFor('the state of the other company', () => otherClient.payloads('session-state').length === 2);
    expect(otherClient.payloads('pairing-code')).toEqual([]);
  });

  it.for([
    ['nothing', undefined],
    ['a bare phone', '+79001234567'],
    ['a number', { phone: 7 }],
    ['5,000 characters', { phone: 'x'.repeat(5000) }],
    ['null', null],
  ])('rejects %s', async ([, payload]) => {
    await using server = await startSocketTestServer();
    const client = await joined(server.open());
    client.socket.emit('request-pairing-code', payload);
    expect(await first(client, 'error')).toMatchObject({ code: 'VALIDATION_ERROR' });
    expect(client.socket.connected).toBe(true);
  });
});

describe('session events', () => {
  it('are sent at every change, in the language of the client', async () => {
    await using server = await startSocketTestServer();
    const russian = await joined(server.open());
    const english = await joined(server.open({ auth: { token: otherToken, language: 'en' } }));
    const since = new Date('2026-04-01T10:00:00Z');
    for (const id of [companyId, otherCompanyId]) {
      server.sessions.emit('state', id, { state: 'reconnecting', since, detail: '503' });
      server.sessions.emit('disconnected', id, '503', true);
      server.sessions.emit('connected', id, { phone: '+79001234567', firstTime: true });
    }
    expect(await first(russian, 'whatsapp-connected')).toEqual({
      success: true,
      phone: '+79001234567',
      companyId,
      message: 'WhatsApp успешно подключен!',
    });
    expect(russian.payloads('session-state')).toEqual([
      { state: 'idle', since: new Date(0).toISOString() },
      { state: 'reconnecting', since: since.toISOString(), detail: '503' },
    ]);
    expect(russian.payloads('whatsapp-disconnected')).toEqual([
      { companyId, reason: '503', willReconnect: true },
    ]);
    expect(await first(english, 'whatsapp-connected')).toMatchObject({
      companyId: otherCompanyId,
      message: 'WhatsApp is connected!',
    });
  });

  it('show a late client the latest state, even if the database row is older', async () => {
    await using server = await startSocketTestServer();
    server.sessions.emit('state', companyId, { state: 'connected', since: new Date() });
    expect(await first(server.open(), 'session-state')).toMatchObject({ state: 'connected' });
  });
});

describe('a socket', () => {
  it('that exceeds its event limit receives RATE_LIMIT, then is disconnected', async () => {
    await using server = await startSocketTestServer();
    const client = await joined(server.open());
    for (let count = 0; count < 21; count += 1) client.socket.emit('request-qr');
    expect(await first(client, 'error')).toMatchObject({ code: 'RATE_LIMIT' });
    // The error can arrive before the responses to earlier requests.
    await waitFor('the other responses', () => client.payloads('qr-update').length === 20);
    for (let count = 0; count < 80; count += 1) client.socket.emit('anything');
    await waitFor('the server to disconnect', () => !client.socket.connected);
  });

  it('is disconnected for a message over 16 KB', async () => {
    await using server = await startSocketTestServer();
    const client = await joined(server.open());
    client.socket.emit('request-pairing-code', { phone: 'x'.repeat(20_000) });
    await waitFor('the server to disconnect', () => !client.socket.connected);
    expect(server.log.lines.some((line) => line.includes('Socket client disconnected'))).toBe(true);
  });
});
