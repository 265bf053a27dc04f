import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { AppError, errorCodes } from '../../../../src/domain/errors/app-error.ts';
import type { Language } from '../../../../src/domain/language.ts';
import {
  companyId,
  otherToken,
  unsignedToken,
  validateToken,
} from '../../../support/fixtures/test-companies.ts';
import {
  joined,
  secondsFromNow,
  startSocketTestServer,
  type PageClient,
} from '../../../support/servers/socket-test-server.ts';

/** The last event before the server disconnected. */
const lastEvent = async (client: PageClient): Promise<unknown> => {
  await waitFor('the server to disconnect', () => client.events.length > 0 && client.socket.disconnected);
  return client.events.at(-1);
};

const invalidToken = (language: Language) => ({
  name: 'error',
  payload: { code: 'INVALID_TOKEN', message: errorCodes.INVALID_TOKEN.text[language] },
});

describe('a client whose token is revoked', () => {
  it('receives an error in its language and is disconnected; no other client is', async () => {
    await using server = await startSocketTestServer();
    const token = unsignedToken(secondsFromNow(3600), companyId);
    const russian = await joined(server.open());
    const english = await joined(server.open({ auth: { token, language: 'en' } }));
    const polling = await joined(server.open({ transports: ['polling'] }));
    const otherClient = await joined(server.open({ auth: { token: otherToken } }));
    server.revocations.emit('revoked', companyId);
    expect(await lastEvent(russian)).toEqual(invalidToken('ru'));
    expect(await lastEvent(english)).toEqual(invalidToken('en'));
    expect(await lastEvent(polling)).toEqual(invalidToken('ru'));
    server.sessions.emit('qr', companyId, {
      text: 'of the new owner',
      sequence: 1,
      expiresAt: secondsFromNow(20),
    });
    expect(await otherClient.socket.timeout(2000).emitWithAck('request-qr')).toEqual({ ok: true });
    expect(otherClient.socket.connected).toBe(true);
    expect(russian.payloads('qr-update')).toEqual([]);
  });

  it.for([
    ['request-qr', undefined],
    ['request-pairing-code', { phone: '+79001234567' }],
  ] as const)(
    'receives nothing for %s, even if another instance revoked the token',
    async ([request, payload]) => {
      let revoked = false;
      const requests: string[] = [];
      await using server = await startSocketTestServer({
        service: {
          validateToken: async (token, expectedId) => {
            if (revoked) throw new AppError('INVALID_TOKEN');
            return await validateToken(token, expectedId);
          },
          generateQR: async () => {
            requests.push('qr');
            return { qr: 'data:', text: 'new', sequence: 1, expiresAt: secondsFromNow(20) };
          },
          requestPairingCode: async () => {
            requests.push('code');
            return { code: 'ABCD1234', phone: '+79001234567', expiresAt: secondsFromNow(60) };
          },
        },
      });
      const client = await joined(server.open());
      revoked = true;
      const ack: unknown = await client.socket.timeout(2000).emitWithAck(request, payload);
      expect(ack).toEqual({ ok: false, code: 'INVALID_TOKEN' });
      expect(await lastEvent(client)).toEqual(invalidToken('ru'));
      expect(requests).toEqual([]);
    },
  );

  it('between handshake and join is disconnected', async () => {
    let validations = 0;
    await using server = await startSocketTestServer({
      service: {
        validateToken: async () => {
          validations += 1;
          if (validations > 1) throw new AppError('INVALID_TOKEN');
          return companyId;
        },
      },
    });
    expect(await lastEvent(server.open())).toEqual(invalidToken('ru'));
  });
});

describe('a client whose token expires', () => {
  it('receives an error at that moment and is disconnected', async () => {
    const validUntil = (seconds: number) => unsignedToken(secondsFromNow(seconds), companyId);
    await using server = await startSocketTestServer({ service: { validateToken: async () => companyId } });
    const expiring = await joined(server.open({ auth: { token: validUntil(1) } }));
    const lasting = await joined(server.open({ auth: { token: validUntil(3600) } }));
    expect(await lastEvent(expiring)).toEqual(invalidToken('ru'));
    expect(lasting.socket.connected).toBe(true);
  });
});
