import { describe, expect, it } from 'vitest';
import { AppError, errorCodes } from '../../../../src/domain/errors/app-error.ts';
import { companyId, otherCompanyId, otherToken } from '../../../support/fixtures/test-companies.ts';
import {
  secondsFromNow,
  startSocketTestServer,
  type PageClient,
} from '../../../support/servers/socket-test-server.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const joined = async (viewer: PageClient): Promise<PageClient> => {
  await waitFor('the session state', () => viewer.payloads('session-state').length > 0);
  return viewer;
};

const first = async (viewer: PageClient, name: string): Promise<unknown> =>
  await waitFor(name, () => viewer.payloads(name)[0]);

const code = (text: string, sequence: number, seconds = 20) => ({
  text,
  sequence,
  expiresAt: secondsFromNow(seconds),
});

describe('a QR code', () => {
  it('reaches every page of its company, drawn once, and no page of another', async () => {
    await using server = await startSocketTestServer();
    const mine = [await joined(server.open()), await joined(server.open())];
    const stranger = await joined(server.open({ auth: { token: otherToken } }));
    const qr = code('2@secret', 3, 19.9);
    server.sessions.emit('qr', companyId, qr);
    for (const viewer of mine) {
      expect(await first(viewer, 'qr-update')).toEqual({
        qr: `data:image/png;base64,${btoa('2@secret')}`,
        text: '2@secret',
        sequence: 3,
        expiresIn: 19,
        expiresAt: qr.expiresAt.toISOString(),
      });
    }
    server.sessions.emit('state', otherCompanyId, { state: 'pairing', since: new Date() });
    await waitFor(
      'the stranger to hear of its own session',
      () => stranger.payloads('session-state').length === 2,
    );
    expect(stranger.payloads('qr-update')).toEqual([]);
    expect(server.renderedQrTexts).toEqual(['2@secret']);
    expect(server.log.lines.join('\n')).not.toContain('2@secret');
  });

  it('is shown at once to a page that comes late, without drawing it again', async () => {
    await using server = await startSocketTestServer();
    server.sessions.emit('state', companyId, { state: 'pairing', since: new Date() });
    server.sessions.emit('qr', companyId, code('live', 1));
    const late = server.open();
    expect(await first(late, 'session-state')).toMatchObject({ state: 'pairing' });
    expect(await first(late, 'qr-update')).toMatchObject({ text: 'live' });
    expect(server.renderedQrTexts).toEqual(['live']);
  });

  it('is not sent once it is dead, replaced or used', async () => {
    let finishDrawing = (): void => undefined;
    const drawing = new Promise<void>((resolve) => {
      finishDrawing = resolve;
    });
    await using server = await startSocketTestServer({
      service: {
        renderQR: async (qr) => {
          if (qr.text === 'slow') await drawing;
          return { ...qr, qr: 'data:' };
        },
      },
    });
    const viewer = await joined(server.open());
    server.sessions.emit('qr', companyId, code('expired', 1, -1));
    server.sessions.emit('qr', companyId, code('slow', 2));
    server.sessions.emit('qr', companyId, code('newer', 3));
    await first(viewer, 'qr-update');
    finishDrawing();
    server.sessions.emit('state', companyId, { state: 'connected', since: new Date() });
    const late = await joined(server.open());
    late.socket.emit('request-qr');
    await first(late, 'qr-update');
    expect(viewer.payloads('qr-update')).toMatchObject([{ text: 'newer' }]);
    expect(late.payloads('qr-update')).toMatchObject([{ text: 'asked' }]);
  });

  it('that cannot be drawn leaves the page waiting for the next and the log informed', async () => {
    await using server = await startSocketTestServer({
      service: {
        renderQR: async (qr) => {
          if (qr.text === 'bad') throw new Error('worker died');
          return { ...qr, qr: 'data:' };
        },
      },
    });
    const viewer = await joined(server.open());
    server.sessions.emit('qr', companyId, code('bad', 1));
    await waitFor('the report', () => server.log.lines.some((line) => line.includes('worker died')));
    server.sessions.emit('qr', companyId, code('good', 2));
    expect(await first(viewer, 'qr-update')).toMatchObject({ text: 'good' });
  });
});

describe('request-qr', () => {
  it('starts the pairing and acknowledges it', async () => {
    const asked: number[] = [];
    await using server = await startSocketTestServer({
      service: {
        generateQR: async (id) => {
          asked.push(id);
          return { qr: 'data:', text: 'new', sequence: 1, expiresAt: secondsFromNow(20) };
        },
      },
    });
    const viewer = await joined(server.open());
    expect(await viewer.socket.timeout(2000).emitWithAck('request-qr')).toEqual({ ok: true });
    expect(await first(viewer, 'qr-update')).toMatchObject({ text: 'new' });
    expect(asked).toEqual([companyId]);
  });

  it('says why it was refused, in the acknowledgement and as an error', async () => {
    await using server = await startSocketTestServer({
      service: {
        generateQR: async () => {
          throw new AppError('QR_EXPIRED');
        },
      },
    });
    const viewer = await joined(server.open());
    const ack: unknown = await viewer.socket.timeout(2000).emitWithAck('request-qr');
    expect(ack).toEqual({ ok: false, code: 'QR_EXPIRED' });
    expect(await first(viewer, 'error')).toEqual({
      code: 'QR_EXPIRED',
      message: errorCodes.QR_EXPIRED.text.ru,
    });
  });
});

describe('request-pairing-code', () => {
  it('shows the code to everyone who watches the company', async () => {
    await using server = await startSocketTestServer();
    const asking = await joined(server.open());
    const watching = await joined(server.open());
    asking.socket.emit('request-pairing-code', { phone: '8 900 123-45-67' });
    const expected = { code: 'ABCD1234', phone: '+79001234567', expiresIn: 60 };
    expect(await first(asking, 'pairing-code')).toEqual(expected);
    expect(await first(watching, 'pairing-code')).toEqual(expected);
  });

  it('shows also a code that was asked for elsewhere, and says when it links no more', async () => {
    await using server = await startSocketTestServer();
    const mine = [await joined(server.open()), await joined(server.open())];
    const stranger = await joined(server.open({ auth: { token: otherToken } }));
    const pairing = { code: 'EFGH5678', phone: '+79001234567' };
    server.sessions.emit('pairing-code', companyId, { ...pairing, expiresAt: secondsFromNow(150) });
    server.sessions.emit('pairing-code', companyId, { ...pairing, expiresAt: new Date(0) });
    for (const viewer of mine) {
      await waitFor('both', () => viewer.payloads('pairing-code').length === 2);
      expect(viewer.payloads('pairing-code')).toEqual([
        { ...pairing, expiresIn: 150 },
        { ...pairing, expiresIn: 0 },
      ]);
    }
    server.sessions.emit('state', otherCompanyId, { state: 'pairing', since: new Date() });
    await waitFor('the stranger to hear', () => stranger.payloads('session-state').length === 2);
    expect(stranger.payloads('pairing-code')).toEqual([]);
  });

  it.for([
    ['nothing', undefined],
    ['a bare phone', '+79001234567'],
    ['a number', { phone: 7 }],
    ['5,000 characters', { phone: 'x'.repeat(5000) }],
    ['null', null],
  ])('refuses %s', async ([, payload]) => {
    await using server = await startSocketTestServer();
    const viewer = await joined(server.open());
    viewer.socket.emit('request-pairing-code', payload);
    expect(await first(viewer, 'error')).toMatchObject({ code: 'VALIDATION_ERROR' });
    expect(viewer.socket.connected).toBe(true);
  });
});

describe('the session', () => {
  it('is told at every change, in the language of the page', async () => {
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

  it('shows a late page the newest state, not the row that is still behind it', async () => {
    await using server = await startSocketTestServer();
    server.sessions.emit('state', companyId, { state: 'connected', since: new Date() });
    expect(await first(server.open(), 'session-state')).toMatchObject({ state: 'connected' });
  });
});

describe('a socket that asks too much', () => {
  it('is told to wait, then cut off', async () => {
    await using server = await startSocketTestServer();
    const viewer = await joined(server.open());
    for (let time = 0; time < 21; time += 1) viewer.socket.emit('request-qr');
    expect(await first(viewer, 'error')).toMatchObject({ code: 'RATE_LIMIT' });
    // The refusal may overtake the answers before it.
    await waitFor('the other answers', () => viewer.payloads('qr-update').length === 20);
    for (let time = 0; time < 80; time += 1) viewer.socket.emit('anything');
    await waitFor('the server to hang up', () => !viewer.socket.connected);
  });

  it('is cut off for a message over 16 KB', async () => {
    await using server = await startSocketTestServer();
    const viewer = await joined(server.open());
    viewer.socket.emit('request-pairing-code', { phone: 'x'.repeat(20_000) });
    await waitFor('the server to hang up', () => !viewer.socket.connected);
    expect(server.log.lines.some((line) => line.includes('Socket client disconnected'))).toBe(true);
  });
});
