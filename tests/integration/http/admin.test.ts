import { describe, expect, it } from 'vitest';
import { adminApiKey, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const json = { 'content-type': 'application/json' };

/** Everything that the operator may ask about one company. */
const ofOneCompany = [
  { method: 'GET', path: 'status/999' },
  { method: 'GET', path: 'settings/999' },
  { method: 'PUT', path: 'settings/999', body: {} },
  { method: 'POST', path: 'settings/999/preview', body: { kind: 'confirmation', template: 'x' } },
  { method: 'GET', path: 'settings/999/opt-outs' },
  { method: 'POST', path: 'reconciliation', body: { company_id: 999 } },
];

describe('the operator', () => {
  it.each(ofOneCompany)('is told by $method $path that there is no such company', async (asked) => {
    const { method, path, body } = asked;
    const reached: unknown[] = [];
    await using server = await startHttpTestServer({
      reconciliation: { request: async (...call) => void reached.push(call) },
    });
    const response = await fetch(`${server.url}/marketplace/${path}`, {
      method,
      headers: { 'x-api-key': adminApiKey, ...(body && json) },
      ...(body && { body: JSON.stringify(body) }),
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      success: false,
      code: 'COMPANY_NOT_FOUND',
      error: 'Салон не найден. Проверьте ссылку.',
      requestId: expect.any(String) as unknown,
    });
    expect(reached).toEqual([]);
  });

  it('has the changes of one company read, or of all', async () => {
    const reached: unknown[] = [];
    await using server = await startHttpTestServer({
      reconciliation: {
        request: async (companyId, cause) => void reached.push([companyId, cause]),
        requestAll: async (cause) => reached.push(['all', cause]),
      },
    });
    for (const body of [{ company_id: 42 }, {}]) {
      const response = await fetch(`${server.url}/marketplace/reconciliation`, {
        method: 'POST',
        headers: { 'x-api-key': adminApiKey, ...json },
        body: JSON.stringify(body),
      });
      expect(response.status).toBe(202);
    }
    expect(reached).toEqual([
      [42, 'operator'],
      ['all', 'operator'],
    ]);
  });

  it('is told which field names no company', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/marketplace/reconciliation`, {
      method: 'POST',
      headers: { 'x-api-key': adminApiKey, ...json },
      body: JSON.stringify({ company_id: '0' }),
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: expect.stringContaining('company_id') as unknown });
  });

  it.each([
    ['webhooks/0b0a4c1e-0000-4000-8000-000000000000', 404, 'NOT_FOUND'],
    ['webhooks/none', 404, 'NOT_FOUND'],
    ['nothing/0b0a4c1e-0000-4000-8000-000000000000', 400, 'VALIDATION_ERROR'],
  ])('is told that there is no dead letter %s', async (letter, status, code) => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/marketplace/dead-letters/${letter}/replay`, {
      method: 'POST',
      headers: { 'x-api-key': adminApiKey },
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });
});
