import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { apiKey, companyId, otherToken, token } from '../../support/fixtures/test-companies.ts';
import { adminApiKey, now, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const bearer = (value: string) => ({ headers: { authorization: `Bearer ${value}` } });

const post = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

describe('GET /', () => {
  it('redirects to the marketplace page', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(server.url, { redirect: 'manual' });
    expect(response.status).toBe(302);
    expect(response.headers.get('location')).toBe('/marketplace/');
  });
});

describe('GET /marketplace/qr', () => {
  it('returns the code for a bearer token or, for old clients, a token in the path', async () => {
    await using server = await startHttpTestServer();
    const expected = { success: true, qr: 'data:image/png;base64,QQ==', expires_in: 19 };
    const response = await fetch(`${server.url}/marketplace/qr`, bearer(token));
    expect(await response.json()).toEqual(expected);
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(await (await fetch(`${server.url}/marketplace/qr/${token}`)).json()).toEqual(expected);
  });

  it('rejects a token in the query, a wrong token and a missing token', async () => {
    await using server = await startHttpTestServer();
    const statuses = [
      await fetch(`${server.url}/marketplace/qr?token=${token}`),
      await fetch(`${server.url}/marketplace/qr`, bearer('wrong')),
      await fetch(`${server.url}/marketplace/qr`),
    ].map(({ status }) => status);
    expect(statuses).toEqual([401, 401, 401]);
  });

  it('responds 410 if every code has expired', async () => {
    await using server = await startHttpTestServer({
      service: {
        generateQR: async () => {
          throw new AppError('QR_EXPIRED');
        },
      },
    });
    const response = await fetch(`${server.url}/marketplace/qr`, bearer(token));
    expect(response.status).toBe(410);
    expect(await response.json()).toMatchObject({ code: 'QR_EXPIRED' });
  });
});

describe('POST /marketplace/pairing-code', () => {
  it('returns a code for a phone in any common format', async () => {
    const phones: string[] = [];
    await using server = await startHttpTestServer({
      service: {
        requestPairingCode: async (_id, phone) => {
          phones.push(phone);
          return { code: 'ABCD1234', phone, expiresAt: new Date('2026-04-01T10:01:00.500Z') };
        },
      },
    });
    const response = await fetch(
      `${server.url}/marketplace/pairing-code`,
      post({ phone: '8 (900) 123-45-67' }, bearer(token).headers),
    );
    expect(await response.json()).toEqual({ success: true, code: 'ABCD1234', expires_in: 60 });
    expect(phones).toEqual(['+79001234567']);
  });

  it('authenticates before it validates the body', async () => {
    await using server = await startHttpTestServer();
    expect((await fetch(`${server.url}/marketplace/pairing-code`, post({}))).status).toBe(401);
    expect(
      (await fetch(`${server.url}/marketplace/pairing-code`, post({ phone: '1' }, bearer(token).headers)))
        .status,
    ).toBe(400);
  });
});

const restriction = {
  beganAt: new Date('2026-04-01T09:30:00Z'),
  endsAt: new Date('2026-04-01T12:30:10Z'),
  kind: undefined,
  source: 'announced',
} as const;

describe('GET /marketplace/restrictions', () => {
  it('lists the restricted salons for the operator only', async () => {
    await using server = await startHttpTestServer({
      restrictions: { latest: async () => [{ companyId, ...restriction }] },
    });
    const url = `${server.url}/marketplace/restrictions`;
    expect((await fetch(url, bearer(token))).status).toBe(401);
    const response = await fetch(url, { headers: { 'x-api-key': adminApiKey } });
    expect(await response.json()).toEqual({
      success: true,
      restrictions: [
        {
          company_id: 41,
          since: '2026-04-01T09:30:00.000Z',
          until: '2026-04-01T12:30:10.000Z',
          kind: null,
          source: 'announced',
        },
      ],
    });
  });
});

describe('GET /marketplace/status/:companyId', () => {
  it('returns the state for the token of that company and for the admin key', async () => {
    await using server = await startHttpTestServer();
    const expected = {
      success: true,
      company_id: 41,
      salon_id: 510041,
      title: 'Салон «Ромашка»',
      whatsapp_connected: false,
      whatsapp_phone: null,
      integration_status: 'pending_whatsapp',
      session_state: 'idle',
      session_state_since: '2026-04-01T10:00:00.000Z',
      session_cause: null,
      connected_at: null,
      last_inbound_at: now.toISOString(),
      restriction: null,
    };
    const byToken = await fetch(`${server.url}/marketplace/status/41`, bearer(token));
    expect(await byToken.json()).toEqual(expected);
    const byKey = await fetch(`${server.url}/marketplace/status/41`, {
      headers: { 'x-api-key': adminApiKey },
    });
    expect(await byKey.json()).toEqual(expected);
  });

  it('returns the end of a new-chat restriction, in Russian and in English', async () => {
    await using server = await startHttpTestServer({
      restrictions: { current: async (id) => (id === companyId ? restriction : undefined) },
    });
    const restrictionIn = async (language: string) => {
      const headers = { authorization: `Bearer ${token}`, 'accept-language': language };
      const response = await fetch(`${server.url}/marketplace/status/41`, { headers });
      return ((await response.json()) as { restriction: Record<string, unknown> }).restriction;
    };
    const { message, ...rest } = await restrictionIn('ru');
    expect(message).toContain('WhatsApp ограничил новые чаты до 15:30.');
    expect(rest).toEqual({
      since: '2026-04-01T09:30:00.000Z',
      until: '2026-04-01T12:30:10.000Z',
      kind: null,
      source: 'announced',
    });
    const english = await restrictionIn('en');
    expect(english['message']).toContain('WhatsApp has restricted new chats until 15:30.');
  });

  it('returns the cause of the session state and since when it lasts', async () => {
    const since = new Date('2026-03-30T07:15:00Z');
    await using server = await startHttpTestServer({
      service: { sessionStatus: async () => ({ state: 'banned', since, detail: '402/101' }) },
    });
    const response = await fetch(`${server.url}/marketplace/status/41`, bearer(token));
    expect(await response.json()).toMatchObject({
      session_state: 'banned',
      session_state_since: '2026-03-30T07:15:00.000Z',
      session_cause: '402/101',
    });
  });

  it("rejects another company's token and a company's API key", async () => {
    await using server = await startHttpTestServer();
    expect((await fetch(`${server.url}/marketplace/status/41`, bearer(otherToken))).status).toBe(401);
    const byApiKey = await fetch(`${server.url}/marketplace/status/41`, { headers: { 'x-api-key': apiKey } });
    expect(byApiKey.status).toBe(401);
  });

  it('responds 404 to the operator for an unknown company', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/marketplace/status/999`, {
      headers: { 'x-api-key': adminApiKey },
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'COMPANY_NOT_FOUND' });
  });

  it.for(['0', '-1', '1e3', '٤١', '41%20', '1.0', '0x29', '9007199254740993', '..%2f..%2fetc', '041'])(
    'rejects the company id %s with 400',
    async (id) => {
      await using server = await startHttpTestServer();
      const response = await fetch(`${server.url}/marketplace/status/${id}`, {
        headers: { 'x-api-key': adminApiKey },
      });
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'VALIDATION_ERROR' });
    },
  );
});

describe('/marketplace/messages', () => {
  const key = { 'x-api-key': apiKey };

  it('queues a message once per idempotency key and masks its phone', async () => {
    await using server = await startHttpTestServer();
    const send = async () =>
      await fetch(
        `${server.url}/marketplace/messages`,
        post({ phone: '89001234567', text: 'Добрый день' }, { ...key, 'idempotency-key': 'k1' }),
      );
    const first = await send();
    expect(first.status).toBe(202);
    const queued: unknown = await first.json();
    expect(queued).toEqual({ success: true, id: 'm-1', status: 'queued' });
    expect(await (await send()).json()).toEqual(queued);

    const shown: unknown = await (
      await fetch(`${server.url}/marketplace/messages/m-1`, { headers: key })
    ).json();
    expect(shown).toMatchObject({ id: 'm-1', status: 'queued', phone: '+7900***4567', attempts: 0 });
  });

  it('requires an idempotency key, a phone and a text', async () => {
    await using server = await startHttpTestServer();
    const status = async (body: unknown, headers: Record<string, string>) =>
      (await fetch(`${server.url}/marketplace/messages`, post(body, headers))).status;
    const valid = { phone: '+79001234567', text: 'x' };
    expect(await status(valid, key)).toBe(400);
    expect(await status(valid, { ...key, 'idempotency-key': 'a b' })).toBe(400);
    expect(await status({ text: 'x' }, { ...key, 'idempotency-key': 'k' })).toBe(400);
    expect(await status({ ...valid, text: '  ' }, { ...key, 'idempotency-key': 'k' })).toBe(400);
    expect(await status({ ...valid, text: 'я'.repeat(4097) }, { ...key, 'idempotency-key': 'k' })).toBe(400);
    expect(await status(valid, { 'idempotency-key': 'k' })).toBe(401);
    expect(await status(valid, { 'x-api-key': 'wrong', 'idempotency-key': 'k' })).toBe(401);
  });

  it('names the phone field for a landline number', async () => {
    await using server = await startHttpTestServer();
    const body = { phone: '+7 495 000-00-00', text: 'x' };
    const headers = { ...key, 'idempotency-key': 'k' };
    const response = await fetch(`${server.url}/marketplace/messages`, post(body, headers));
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'VALIDATION_ERROR',
      error: expect.stringContaining('phone') as unknown,
    });
  });

  it('responds 404 for an unknown message', async () => {
    await using server = await startHttpTestServer();
    for (const id of ['m-9', "'%20or%201=1"]) {
      const response = await fetch(`${server.url}/marketplace/messages/${id}`, { headers: key });
      expect(response.status).toBe(404);
    }
  });
});

describe('GET /marketplace/companies', () => {
  it('returns statistics and the salons without WhatsApp to the operator only', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/marketplace/companies`, {
      headers: { 'x-api-key': adminApiKey },
    });
    expect(await response.json()).toEqual({
      success: true,
      stats: {
        total: 5,
        connected: 2,
        pending: 2,
        disconnected: 1,
        by_status: { active: 2 },
        last_24h: { new_connections: 1, disconnections: 3 },
      },
      without_whatsapp: [
        {
          company_id: 41,
          salon_id: 510041,
          title: 'Салон «Ромашка»',
          integration_status: 'active',
          session_state: 'banned',
          session_state_since: '2026-04-01T09:00:00.000Z',
          session_cause: '402/101',
        },
      ],
    });
    expect(
      (await fetch(`${server.url}/marketplace/companies`, { headers: { 'x-api-key': apiKey } })).status,
    ).toBe(401);
  });
});
