import { describe, expect, it } from 'vitest';
import type { OutgoingWebhook } from '../../../src/ports/outgoing-webhooks.ts';
import { apiKey, companyId, otherToken, token } from '../../support/fixtures/test-companies.ts';
import { adminApiKey, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const webhook: OutgoingWebhook = {
  version: '0b0a4c1e-0000-4000-8000-000000000000',
  url: 'https://salon.example/hook?token=secret',
  secret: 'whsec_secret',
  failingSince: new Date('2026-03-30T07:15:00Z'),
  createdAt: new Date('2026-03-01T00:00:00Z'),
};
const path = 'marketplace/settings/41/outgoing-webhook';
const bearer = (value: string) => ({ authorization: `Bearer ${value}` });

describe('GET /marketplace/settings/:companyId/outgoing-webhook', () => {
  it('shows the owner and the operator its state, without URL and secret', async () => {
    await using server = await startHttpTestServer({
      outgoingWebhookSettings: {
        get: async (id) => (id === companyId ? webhook : undefined),
        pendingCount: async (id) => (id === companyId ? 3 : 0),
      },
    });
    for (const headers of [bearer(token), { 'x-api-key': adminApiKey }]) {
      const response = await fetch(`${server.url}/${path}`, { headers });
      expect(await response.json()).toEqual({
        success: true,
        outgoing_webhook: {
          enabled: true,
          disabled_at: null,
          failing_since: '2026-03-30T07:15:00.000Z',
          waiting: 3,
        },
      });
    }
  });

  it('responds null if none is configured', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/${path}`, { headers: bearer(token) });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ success: true, outgoing_webhook: null });
  });

  it("rejects another company's token and a company's API key", async () => {
    await using server = await startHttpTestServer();
    for (const headers of [bearer(otherToken), { 'x-api-key': apiKey }])
      expect((await fetch(`${server.url}/${path}`, { headers })).status).toBe(401);
  });
});
