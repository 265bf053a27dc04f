import { describe, expect, it } from 'vitest';
import { apiKey, token } from '../../support/fixtures/test-companies.ts';
import { adminApiKey, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const operator = { 'x-api-key': adminApiKey };
const company = { 'x-api-key': apiKey };
const owner = { authorization: `Bearer ${token}` };

/** Every list route with the headers of its caller and its limits. */
const lists = [
  { path: 'received-messages', headers: company, maxLimit: 200, defaultLimit: 50 },
  { path: 'bookings/7/events', headers: company, maxLimit: 500, defaultLimit: 500 },
  { path: 'settings/41/opt-outs', headers: owner, maxLimit: 200, defaultLimit: 200 },
  { path: 'dead-letters', headers: operator, maxLimit: 500, defaultLimit: 50 },
  { path: 'restrictions', headers: operator, maxLimit: 500, defaultLimit: 500 },
  { path: 'companies', headers: operator, maxLimit: 100, defaultLimit: 100 },
] as const;

async function startListServer() {
  const limits: number[] = [];
  const list = (limit: number) => {
    limits.push(limit);
    return Promise.resolve([]);
  };
  const server = await startHttpTestServer({
    receivedMessages: { after: (_id, _position, limit) => list(limit) },
    events: { byRecord: (_id, _recordId, limit) => list(limit) },
    notificationSettings: { optOuts: (_company, limit) => list(limit) },
    queue: { deadLetters: (_queue, limit) => list(limit) },
    restrictions: { latest: list },
    service: { companiesWithoutWhatsApp: list },
  });
  return { server, limits };
}

describe.each(lists)('GET /marketplace/$path', ({ path, headers, maxLimit, defaultLimit }) => {
  it('passes the limit on, or its default', async () => {
    const { server, limits } = await startListServer();
    await using _ = server;
    for (const query of ['?limit=1', `?limit=${maxLimit}`, ''])
      expect((await fetch(`${server.url}/marketplace/${path}${query}`, { headers })).status).toBe(200);
    expect(limits).toEqual([1, maxLimit, defaultLimit]);
  });

  it.each([
    '0',
    '-1',
    '+1',
    '1.5',
    '1e2',
    '01',
    '0x5',
    '٥',
    ' 5',
    'ten',
    '',
    'NaN',
    '9'.repeat(20),
    maxLimit + 1,
  ])('rejects limit=%s and names the valid range', async (limit) => {
    const { server, limits } = await startListServer();
    await using _ = server;
    const url = `${server.url}/marketplace/${path}?limit=${encodeURIComponent(limit)}`;
    const response = await fetch(url, { headers: { ...headers, 'accept-language': 'en' } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'VALIDATION_ERROR',
      error: `The parameter limit must be a whole number from 1 to ${maxLimit}.`,
    });
    expect(limits).toEqual([]);
  });
});

it.each(['-1', '1.5', 'x', '9'.repeat(20)])(
  'GET /marketplace/received-messages rejects after=%s and names the parameter',
  async (after) => {
    const { server } = await startListServer();
    await using _ = server;
    const response = await fetch(`${server.url}/marketplace/received-messages?after=${after}`, {
      headers: company,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: expect.stringContaining('after') as unknown });
  },
);
