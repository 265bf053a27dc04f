import { describe, expect, it } from 'vitest';
import { AppError, errorCodes } from '../../../../src/domain/errors/app-error.ts';
import {
  companyId,
  otherToken,
  unsignedToken,
  validateToken,
} from '../../../support/fixtures/test-companies.ts';
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

/** What the page heard last, once the server has hung up. */
const lastWord = async (viewer: PageClient): Promise<unknown> => {
  await waitFor('the server to hang up', () => viewer.events.length > 0 && viewer.socket.disconnected);
  return viewer.events.at(-1);
};

const farewell = (language: 'ru' | 'en') => ({
  name: 'error',
  payload: { code: 'INVALID_TOKEN', message: errorCodes.INVALID_TOKEN.text[language] },
});

describe('a page whose token is revoked', () => {
  it('is told so in its language and sent away, over any transport, and no other page is', async () => {
    await using server = await startSocketTestServer();
    const token = unsignedToken(secondsFromNow(3600), companyId);
    const russian = await joined(server.open());
    const english = await joined(server.open({ auth: { token, language: 'en' } }));
    const polling = await joined(server.open({ transports: ['polling'] }));
    const stranger = await joined(server.open({ auth: { token: otherToken } }));
    server.revocations.emit('revoked', companyId);
    expect(await lastWord(russian)).toEqual(farewell('ru'));
    expect(await lastWord(english)).toEqual(farewell('en'));
    expect(await lastWord(polling)).toEqual(farewell('ru'));
    server.sessions.emit('qr', companyId, {
      text: 'of the new owner',
      sequence: 1,
      expiresAt: secondsFromNow(20),
    });
    expect(await stranger.socket.timeout(2000).emitWithAck('request-qr')).toEqual({ ok: true });
    expect(stranger.socket.connected).toBe(true);
    expect(russian.payloads('qr-update')).toEqual([]);
  });

  it.for([
    ['request-qr', undefined],
    ['request-pairing-code', { phone: '+79001234567' }],
  ] as const)('gets nothing for a %s, wherever it was revoked', async ([request, payload]) => {
    let revoked = false;
    const asked: string[] = [];
    await using server = await startSocketTestServer({
      service: {
        validateToken: async (token, wanted) => {
          if (revoked) throw new AppError('INVALID_TOKEN');
          return await validateToken(token, wanted);
        },
        generateQR: async () => {
          asked.push('qr');
          return { qr: 'data:', text: 'new', sequence: 1, expiresAt: secondsFromNow(20) };
        },
        requestPairingCode: async () => {
          asked.push('code');
          return { code: 'ABCD1234', expiresAt: secondsFromNow(60) };
        },
      },
    });
    const viewer = await joined(server.open());
    revoked = true;
    const ack: unknown = await viewer.socket.timeout(2000).emitWithAck(request, payload);
    expect(ack).toEqual({ ok: false, code: 'INVALID_TOKEN' });
    expect(await lastWord(viewer)).toEqual(farewell('ru'));
    expect(asked).toEqual([]);
  });

  it('between its handshake and its joining is sent away too', async () => {
    let asked = 0;
    await using server = await startSocketTestServer({
      service: {
        validateToken: async () => {
          asked += 1;
          if (asked > 1) throw new AppError('INVALID_TOKEN');
          return companyId;
        },
      },
    });
    expect(await lastWord(server.open())).toEqual(farewell('ru'));
  });
});

describe('a page whose token expires', () => {
  it('is told so at that moment and sent away', async () => {
    const validUntil = (seconds: number) => unsignedToken(secondsFromNow(seconds), companyId);
    await using server = await startSocketTestServer({ service: { validateToken: async () => companyId } });
    const short = await joined(server.open({ auth: { token: validUntil(1) } }));
    const long = await joined(server.open({ auth: { token: validUntil(3600) } }));
    expect(await lastWord(short)).toEqual(farewell('ru'));
    expect(long.socket.connected).toBe(true);
  });
});
