import { describe, expect, it } from 'vitest';
import { apiKey, token } from '../../support/fixtures/test-companies.ts';
import { adminApiKey, startHttpEdge } from '../../support/servers/http-test-server.ts';

const operator = { 'x-api-key': adminApiKey };
const company = { 'x-api-key': apiKey };
const owner = { authorization: `Bearer ${token}` };

/** Every list: its path, who reads it, how many entries it has at most and how many unasked. */
const lists = [
  { path: 'received-messages', headers: company, most: 200, usual: 50 },
  { path: 'bookings/7/events', headers: company, most: 500, usual: 500 },
  { path: 'settings/41/opt-outs', headers: owner, most: 200, usual: 200 },
  { path: 'dead-letters', headers: operator, most: 500, usual: 50 },
  { path: 'restrictions', headers: operator, most: 500, usual: 500 },
  { path: 'companies', headers: operator, most: 100, usual: 100 },
] as const;

async function startLists() {
  const limits: number[] = [];
  const listed = (limit: number) => {
    limits.push(limit);
    return Promise.resolve([]);
  };
  const edge = await startHttpEdge({
    received: { after: (_id, _position, limit) => listed(limit) },
    events: { ofRecord: (_id, _recordId, limit) => listed(limit) },
    rules: { optOuts: (_company, limit) => listed(limit) },
    queue: { deadLetters: (_queue, limit) => listed(limit) },
    restrictions: { latest: listed },
    service: { companiesWithoutWhatsApp: listed },
  });
  return { edge, limits };
}

describe.each(lists)('GET /marketplace/$path', ({ path, headers, most, usual }) => {
  it('gives as many as are asked for, and its usual number unasked', async () => {
    const { edge, limits } = await startLists();
    await using _ = edge;
    for (const query of ['?limit=1', `?limit=${most}`, ''])
      expect((await fetch(`${edge.url}/marketplace/${path}${query}`, { headers })).status).toBe(200);
    expect(limits).toEqual([1, most, usual]);
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
    most + 1,
  ])('refuses limit=%s and says what may be asked for', async (limit) => {
    const { edge, limits } = await startLists();
    await using _ = edge;
    const url = `${edge.url}/marketplace/${path}?limit=${encodeURIComponent(limit)}`;
    const response = await fetch(url, { headers: { ...headers, 'accept-language': 'en' } });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({
      code: 'VALIDATION_ERROR',
      error: `The parameter limit must be a whole number from 1 to ${most}.`,
    });
    expect(limits).toEqual([]);
  });
});

it.each(['-1', '1.5', 'x', '9'.repeat(20)])(
  'received-messages refuses after=%s by its name',
  async (after) => {
    const { edge } = await startLists();
    await using _ = edge;
    const response = await fetch(`${edge.url}/marketplace/received-messages?after=${after}`, {
      headers: company,
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: expect.stringContaining('after') as unknown });
  },
);
