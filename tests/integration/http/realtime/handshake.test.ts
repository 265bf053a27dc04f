import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { AppError, errorCodes } from '../../../../src/domain/errors/app-error.ts';
import { companyId, token } from '../../../support/fixtures/test-companies.ts';
import {
  allowedOrigin,
  joined,
  startSocketTestServer,
  type PageClient,
} from '../../../support/servers/socket-test-server.ts';

const errorPayload = async (client: PageClient): Promise<unknown> =>
  (await waitFor('the connect error', () => client.connectErrors[0])).data;

describe('the namespace handshake', () => {
  it('reads the token from auth, Authorization or x-auth-token', async () => {
    await using server = await startSocketTestServer();
    const handshakes = [
      { auth: { token } },
      { auth: {}, extraHeaders: { origin: allowedOrigin, authorization: `Bearer ${token}` } },
      { auth: {}, extraHeaders: { origin: allowedOrigin, 'x-auth-token': token } },
    ];
    for (const handshake of handshakes)
      expect((await joined(server.open(handshake))).socket.connected).toBe(true);
    expect(server.log.lines.join('\n')).not.toContain(token);
  });

  it('accepts a token in the query, with a warning that does not contain it', async () => {
    await using server = await startSocketTestServer();
    await joined(server.open({ auth: {}, query: { token } }));
    const warnings = server.log.lines.filter((line) => line.includes('"warn"'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).not.toContain(token);
  });

  it('rejects a missing token, a wrong one and one that is not a string', async () => {
    await using server = await startSocketTestServer();
    for (const auth of [{}, { token: 'wrong' }, { token: { $gt: '' } }, { token: [token] }]) {
      const client = server.open({ auth });
      expect(await errorPayload(client)).toEqual({
        code: 'INVALID_TOKEN',
        message: errorCodes.INVALID_TOKEN.text.ru,
      });
    }
  });

  it("rejects a query companyId that is another company's, repeated or malformed", async () => {
    await using server = await startSocketTestServer();
    const matching = server.open({ query: { companyId: String(companyId) } });
    await joined(matching);
    const foreign = server.open({ query: { companyId: '42' } });
    expect(await errorPayload(foreign)).toMatchObject({ code: 'INVALID_TOKEN' });
    const repeated = server.open({ query: { companyId: ['41', '42'] } });
    expect(await errorPayload(repeated)).toMatchObject({ code: 'VALIDATION_ERROR' });
    const malformed = server.open({ query: { companyId: '4.2e1' } });
    expect(await errorPayload(malformed)).toMatchObject({ code: 'VALIDATION_ERROR' });
    expect(server.log.lines.filter((line) => line.includes('Socket connection refused'))).toHaveLength(3);
  });

  it('sends errors in the language of the page', async () => {
    await using server = await startSocketTestServer();
    const byAuth = server.open({ auth: { token: 'wrong', language: 'en' } });
    expect(await errorPayload(byAuth)).toMatchObject({ message: errorCodes.INVALID_TOKEN.text.en });
    const byHeader = server.open({
      auth: { token: 'wrong' },
      extraHeaders: { origin: allowedOrigin, 'accept-language': 'en' },
    });
    expect(await errorPayload(byHeader)).toMatchObject({ message: errorCodes.INVALID_TOKEN.text.en });
  });

  it('allows five connections per minute and IP, then sends retryAfter', async () => {
    await using server = await startSocketTestServer({ connectionsPerMinute: 5 });
    for (let count = 0; count < 5; count += 1) await joined(server.open());
    const data = await errorPayload(server.open());
    expect(data).toMatchObject({ code: 'RATE_LIMIT', message: errorCodes.RATE_LIMIT.text.ru });
    expect((data as { retryAfter: number }).retryAfter).toBeGreaterThan(50);
  });

  it('counts the IP that the trusted proxy saw, not a forged one', async () => {
    await using server = await startSocketTestServer({ connectionsPerMinute: 1, trustProxy: 1 });
    const from = (forwarded: string) =>
      server.open({ extraHeaders: { origin: allowedOrigin, 'x-forwarded-for': forwarded } });
    await joined(from('9.9.9.1, 2001:db8::1'));
    expect(await errorPayload(from('9.9.9.2, 2001:db8::2'))).toMatchObject({ code: 'RATE_LIMIT' });
    await joined(from('9.9.9.3, 2001:db8:0:1::1'));
  });

  it('hides the message of an unexpected error and logs it', async () => {
    await using server = await startSocketTestServer({
      service: {
        validateToken: async () => {
          throw new Error('connect ECONNREFUSED db-1:5432');
        },
      },
    });
    const data = await errorPayload(server.open());
    expect(data).toEqual({ code: 'INTERNAL_ERROR', message: errorCodes.INTERNAL_ERROR.text.ru });
    expect(server.log.lines.join('\n')).toContain('ECONNREFUSED');
  });

  it('sends the retryAfter of the error', async () => {
    await using server = await startSocketTestServer({
      service: {
        validateToken: async () => {
          throw new AppError('DB_ERROR');
        },
      },
    });
    expect(await errorPayload(server.open())).toMatchObject({ code: 'DB_ERROR', retryAfter: 5 });
  });
});

describe('a transport handshake', () => {
  const pollingStatus = async (url: string, headers: Record<string, string>) =>
    (await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers })).status;

  const websocketOpens = async (url: string, headers: Record<string, string>) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      headers,
    });
    const isOpen = await Promise.race([
      once(socket, 'open').then(() => true),
      once(socket, 'unexpected-response').then(() => false),
    ]);
    socket.on('error', () => undefined);
    socket.terminate();
    return isOpen;
  };

  it('with a foreign origin is refused, for polling and websocket', async () => {
    await using server = await startSocketTestServer();
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: '' }]) {
      expect(await pollingStatus(server.url, headers)).toBe(403);
      expect(await websocketOpens(server.url, headers)).toBe(false);
    }
    expect(await pollingStatus(server.url, { origin: allowedOrigin })).toBe(200);
    expect(await websocketOpens(server.url, { origin: allowedOrigin })).toBe(true);
  });

  it('without an origin is accepted from a program, which needs a valid token', async () => {
    await using server = await startSocketTestServer();
    for (const transports of [['polling'], ['websocket']]) {
      const authorization = `Bearer ${token}`;
      await joined(server.open({ transports, auth: {}, extraHeaders: { authorization } }));
      const rejected = server.open({ transports, auth: {}, extraHeaders: { authorization: 'Bearer wrong' } });
      expect(await errorPayload(rejected)).toMatchObject({ code: 'INVALID_TOKEN' });
    }
  });

  it('without an origin is accepted from a browser only for same-origin polling', async () => {
    await using server = await startSocketTestServer();
    expect(await pollingStatus(server.url, { 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await pollingStatus(server.url, { 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await websocketOpens(server.url, { 'sec-fetch-site': 'same-origin' })).toBe(false);
  });

  it('is rate-limited per IP', async () => {
    await using server = await startSocketTestServer({ transportsPerMinute: 2 });
    const headers = { origin: allowedOrigin };
    expect(await pollingStatus(server.url, headers)).toBe(200);
    expect(await pollingStatus(server.url, headers)).toBe(200);
    expect(await pollingStatus(server.url, headers)).toBe(403);
  });
});

describe('a transport', () => {
  it('that joins no namespace is closed after five seconds', async () => {
    await using server = await startSocketTestServer();
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      headers: { origin: allowedOrigin },
    });
    await once(socket, 'open');
    const openedMs = performance.now();
    await waitFor('the server to close the socket', () => socket.readyState === WebSocket.CLOSED, 8000);
    expect(performance.now() - openedMs).toBeGreaterThan(4000);
  });
});
