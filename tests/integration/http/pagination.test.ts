import { describe, expect, it } from 'vitest';
import { apiKey, token } from '../../support/fixtures/test-companies.ts';
import { adminApiKey, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const operator = { 'x-api-key': adminApiKey };
const company = { 'x-api-key': apiKey };
const owner = { authorization: `Bearer ${token}` };

/** Every list: its path, who reads it, how many entries it has at most and how many unasked. */
const lists = [
  { path: 'received-messages', headers: company, maxLimit: 200, defaultLimit: 50 },
  { path: 'bookings/7/events', headers: company, maxLimit: 500, defaultLimit: 500 },
  { path: 'settings/41/opt-outs', headers: owner, maxLimit: 200, defaultLimit: 200 },
  { path: 'dead-letters', headers: operator, maxLimit: 500, defaultLimit: 50 },
  { path: 'restrictions', headers: operator, maxLimit: 500, defaultLimit: 500 },
  { path: 'companies', headers: operator, maxLimit: 100, defaultLimit: 100 },
] as const;

async function startLists() {
  const limits: number[] = [];
  const listed = (limit: number) => {
    limits.push(limit);
    return Promise.resolve([]);
  };
  const server = await startHttpTestServer({
    receivedMessages: { after: (_id, _position, limit) => listed(limit) },
    events: { byRecord: (_id, _recordId, limit) => listed(limit) },
    notificationSettings: { optOuts: (_company, limit) => listed(limit) },
    queue: { deadLetters: (_queue, limit) => listed(limit) },
    restrictions: { latest: listed },
    service: { companiesWithoutWhatsApp: listed },
  });
  return { server, limits };
}

describe.each(lists)('GET /marketplace/$path', ({ path, headers, maxLimit, defaultLimit }) => {
  it('gives as many as are asked for, and its usual number unasked', async () => {
    const { server, limits } = await startLists();
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
  ])('refuses limit=%s and says what may be asked for', async (limit) => {
    const { server, limits } = await startLists();
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
  'received-messages refuses after=%s by its name',
  async (after) => {
    const { server } = await startLists();
    await using _ = server;
    const response = await fetch(`${server.url}/marketplace/received-messages?after=${after}`, {
      headers: company,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: expect.stringContaining('after') as unknown });
  },
);
