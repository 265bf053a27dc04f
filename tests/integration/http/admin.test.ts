import { describe, expect, it } from 'vitest';
import { adminApiKey, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const json = { 'content-type': 'application/json' };

/** Operator requests about one company. */
const companyRequests = [
  { method: 'GET', path: 'status/999' },
  { method: 'GET', path: 'settings/999' },
  { method: 'PUT', path: 'settings/999', body: {} },
  { method: 'POST', path: 'settings/999/preview', body: { kind: 'confirmation', template: 'x' } },
  { method: 'GET', path: 'settings/999/opt-outs' },
  { method: 'POST', path: 'reconciliation', body: { company_id: 999 } },
];

describe('admin API', () => {
  it.each(companyRequests)(
    '$method $path responds 404 for an unknown company',
    async ({ method, path, body }) => {
      const calls: unknown[] = [];
      await using server = await startHttpTestServer({
        reconciliation: { request: async (...args) => void calls.push(args) },
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
      expect(calls).toEqual([]);
    },
  );

  it('requests a reconciliation of one company or of all', async () => {
    const calls: unknown[] = [];
    await using server = await startHttpTestServer({
      reconciliation: {
        request: async (companyId, cause) => void calls.push([companyId, cause]),
        requestAll: async (cause) => calls.push(['all', cause]),
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
    expect(calls).toEqual([
      [42, 'operator'],
      ['all', 'operator'],
    ]);
  });

  it('names the invalid field of a reconciliation request', async () => {
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
  ])('replay of the unknown dead letter %s responds %i', async (deadLetter, status, code) => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/marketplace/dead-letters/${deadLetter}/replay`, {
      method: 'POST',
      headers: { 'x-api-key': adminApiKey },
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ code });
  });
});
