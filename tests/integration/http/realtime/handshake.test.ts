import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { AppError, errorCodes } from '../../../../src/domain/errors/app-error.ts';
import { companyId, token } from '../../../support/fixtures/test-companies.ts';
import {
  allowedOrigin,
  startSocketTestServer,
  type PageClient,
} from '../../../support/servers/socket-test-server.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const refusalOf = async (viewer: PageClient): Promise<unknown> =>
  (await waitFor('a refusal', () => viewer.connectErrors[0])).data;

const joined = async (viewer: PageClient): Promise<boolean> =>
  await waitFor('the session state', () => viewer.payloads('session-state').length > 0);

describe('the handshake', () => {
  it('takes the token from auth, Authorization or x-auth-token', async () => {
    await using server = await startSocketTestServer();
    const ways = [
      { auth: { token } },
      { auth: {}, extraHeaders: { origin: allowedOrigin, authorization: `Bearer ${token}` } },
      { auth: {}, extraHeaders: { origin: allowedOrigin, 'x-auth-token': token } },
    ];
    for (const way of ways) expect(await joined(server.open(way))).toBe(true);
    expect(server.log.lines.join('\n')).not.toContain(token);
  });

  it('takes it from the query of an old client, with a warning that does not hold it', async () => {
    await using server = await startSocketTestServer();
    await joined(server.open({ auth: {}, query: { token } }));
    const warnings = server.log.lines.filter((line) => line.includes('"warn"'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).not.toContain(token);
  });

  it('refuses no token, a wrong one and one that is not a string', async () => {
    await using server = await startSocketTestServer();
    for (const auth of [{}, { token: 'wrong' }, { token: { $gt: '' } }, { token: [token] }]) {
      const viewer = server.open({ auth });
      expect(await refusalOf(viewer)).toEqual({
        code: 'INVALID_TOKEN',
        message: errorCodes.INVALID_TOKEN.text.ru,
      });
    }
  });

  it("refuses another company's id in the query, however it is written, and lets nothing of it through", async () => {
    await using server = await startSocketTestServer();
    const agreeing = server.open({ query: { companyId: String(companyId) } });
    await joined(agreeing);
    const foreign = server.open({ query: { companyId: '42' } });
    expect(await refusalOf(foreign)).toMatchObject({ code: 'INVALID_TOKEN' });
    const twice = server.open({ query: { companyId: ['41', '42'] } });
    expect(await refusalOf(twice)).toMatchObject({ code: 'VALIDATION_ERROR' });
    const odd = server.open({ query: { companyId: '4.2e1' } });
    expect(await refusalOf(odd)).toMatchObject({ code: 'VALIDATION_ERROR' });
    expect(server.log.lines.filter((line) => line.includes('Socket connection refused'))).toHaveLength(3);
  });

  it('speaks the language of the page', async () => {
    await using server = await startSocketTestServer();
    const byAuth = server.open({ auth: { token: 'wrong', language: 'en' } });
    expect(await refusalOf(byAuth)).toMatchObject({ message: errorCodes.INVALID_TOKEN.text.en });
    const byHeader = server.open({
      auth: { token: 'wrong' },
      extraHeaders: { origin: allowedOrigin, 'accept-language': 'en' },
    });
    expect(await refusalOf(byHeader)).toMatchObject({ message: errorCodes.INVALID_TOKEN.text.en });
  });

  it('lets an address in five times a minute and then says how long to wait', async () => {
    await using server = await startSocketTestServer({ connectionsPerMinute: 5 });
    for (let time = 0; time < 5; time += 1) await joined(server.open());
    const data = await refusalOf(server.open());
    expect(data).toMatchObject({ code: 'RATE_LIMIT', message: errorCodes.RATE_LIMIT.text.ru });
    expect((data as { retryAfter: number }).retryAfter).toBeGreaterThan(50);
  });

  it('counts the address that the trusted proxy saw, not one that the client made up', async () => {
    await using server = await startSocketTestServer({ connectionsPerMinute: 1, trustProxy: 1 });
    const from = (forwarded: string) =>
      server.open({ extraHeaders: { origin: allowedOrigin, 'x-forwarded-for': forwarded } });
    await joined(from('9.9.9.1, 2001:db8::1'));
    expect(await refusalOf(from('9.9.9.2, 2001:db8::2'))).toMatchObject({ code: 'RATE_LIMIT' });
    await joined(from('9.9.9.3, 2001:db8:0:1::1'));
  });

  it('says nothing of an error that nobody foresaw', async () => {
    await using server = await startSocketTestServer({
      service: {
        validateToken: async () => {
          throw new Error('connect ECONNREFUSED db-1:5432');
        },
      },
    });
    const data = await refusalOf(server.open());
    expect(data).toEqual({ code: 'INTERNAL_ERROR', message: errorCodes.INTERNAL_ERROR.text.ru });
    expect(server.log.lines.join('\n')).toContain('ECONNREFUSED');
  });

  it('passes on when to come back', async () => {
    await using server = await startSocketTestServer({
      service: {
        validateToken: async () => {
          throw new AppError('DB_ERROR');
        },
      },
    });
    expect(await refusalOf(server.open())).toMatchObject({ code: 'DB_ERROR', retryAfter: 5 });
  });
});

describe('the origin', () => {
  const pollingStatus = async (url: string, headers: Record<string, string>) =>
    (await fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers })).status;

  const websocketOpens = async (url: string, headers: Record<string, string>) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      headers,
    });
    const outcome = await Promise.race([
      once(socket, 'open').then(() => true),
      once(socket, 'unexpected-response').then(() => false),
    ]);
    socket.on('error', () => undefined);
    socket.terminate();
    return outcome;
  };

  it('is refused when foreign, for polling and websocket alike', async () => {
    await using server = await startSocketTestServer();
    for (const headers of [{ origin: 'https://evil.example' }, { origin: 'null' }, { origin: '' }]) {
      expect(await pollingStatus(server.url, headers)).toBe(403);
      expect(await websocketOpens(server.url, headers)).toBe(false);
    }
    expect(await pollingStatus(server.url, { origin: allowedOrigin })).toBe(200);
    expect(await websocketOpens(server.url, { origin: allowedOrigin })).toBe(true);
  });

  it('may be missing where no browser speaks: a program has only its token to show', async () => {
    await using server = await startSocketTestServer();
    for (const transports of [['polling'], ['websocket']]) {
      const authorization = `Bearer ${token}`;
      await joined(server.open({ transports, auth: {}, extraHeaders: { authorization } }));
      const refused = server.open({ transports, auth: {}, extraHeaders: { authorization: 'Bearer wrong' } });
      expect(await refusalOf(refused)).toMatchObject({ code: 'INVALID_TOKEN' });
    }
  });

  it('may be missing where a browser polls the server of its own page, never for a websocket', async () => {
    await using server = await startSocketTestServer();
    expect(await pollingStatus(server.url, { 'sec-fetch-site': 'same-origin' })).toBe(200);
    expect(await pollingStatus(server.url, { 'sec-fetch-site': 'same-site' })).toBe(403);
    expect(await websocketOpens(server.url, { 'sec-fetch-site': 'same-origin' })).toBe(false);
  });

  it('allowed or not, an address opens only so many transports a minute', async () => {
    await using server = await startSocketTestServer({ transportsPerMinute: 2 });
    const headers = { origin: allowedOrigin };
    expect(await pollingStatus(server.url, headers)).toBe(200);
    expect(await pollingStatus(server.url, headers)).toBe(200);
    expect(await pollingStatus(server.url, headers)).toBe(403);
  });
});

describe('a connection', () => {
  it('that never says who it is, is dropped after five seconds', async () => {
    await using server = await startSocketTestServer();
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, {
      headers: { origin: allowedOrigin },
    });
    await once(socket, 'open');
    const openedMs = performance.now();
    await waitFor('the server to hang up', () => socket.readyState === WebSocket.CLOSED, 8000);
    expect(performance.now() - openedMs).toBeGreaterThan(4000);
  });
});
