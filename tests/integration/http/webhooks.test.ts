import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { MemoryIpRateLimiter } from '../../../src/lib/net/ip-rate-limiter.ts';
import { apiKey, companyWith, webhookSecret } from '../../support/fixtures/test-companies.ts';
import { startHttpTestServer } from '../../support/servers/http-test-server.ts';

const path = `/marketplace/webhook/41/${webhookSecret}`;
const json = { 'content-type': 'application/json' };
const webhook = { company_id: 510041, resource: 'record', resource_id: 7, status: 'create', data: {} };

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = json) => ({
  method: 'POST',
  headers,
  body,
});

describe('POST /marketplace/webhook/:companyId/:secret', () => {
  it('responds with success once the inbox has accepted the webhook', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(server.url + path, post(JSON.stringify(webhook)));
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('{"success":true}');
    expect(response.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/);
    expect(server.acceptedWebhooks).toEqual([{ companyId: 41, body: webhook }]);
  });

  it('accepts a gzipped webhook', async () => {
    await using server = await startHttpTestServer();
    const body = new Uint8Array(gzipSync(JSON.stringify(webhook)));
    const response = await fetch(server.url + path, post(body, { ...json, 'content-encoding': 'gzip' }));
    expect(response.status).toBe(200);
    expect(server.acceptedWebhooks).toEqual([{ companyId: 41, body: webhook }]);
  });

  it.for([
    ['a body over 64 KB', 413, post(`"${'x'.repeat(64 * 1024)}"`)],
    [
      'a gzip bomb of 5 MB',
      413,
      post(new Uint8Array(gzipSync(Buffer.alloc(5_000_000))), { ...json, 'content-encoding': 'gzip' }),
    ],
    ['invalid gzip data', 400, post('{}', { ...json, 'content-encoding': 'gzip' })],
    ['an unknown encoding', 415, post('{}', { ...json, 'content-encoding': 'br' })],
    ['plain text', 415, post('{}', { 'content-type': 'text/plain' })],
    ['a charset other than UTF-8', 415, post('{}', { 'content-type': 'application/json; charset=cp1251' })],
    ['invalid UTF-8', 400, post(new Uint8Array([0x22, 0xff, 0xfe, 0x22]))],
    ['broken JSON', 400, post('{"company_id": ')],
    ['30,000 nested arrays', 400, post('['.repeat(30_000) + ']'.repeat(30_000))],
    ['a __proto__ key', 400, post('{"data":{"__proto__":{"admin":true}}}')],
    ['an escaped __proto__ key', 400, post('{"\\u005f_proto__":{"admin":true}}')],
    ['a constructor key', 400, post('{"constructor":{"prototype":{}}}')],
  ] as const)('rejects %s', async ([, status, init]) => {
    await using server = await startHttpTestServer();
    const response = await fetch(server.url + path, init);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ success: false, code: 'VALIDATION_ERROR' });
    expect(server.acceptedWebhooks).toEqual([]);
    expect(Reflect.get({}, 'admin')).toBeUndefined();
    expect((await fetch(server.url + path, post(JSON.stringify(webhook)))).status).toBe(200);
  });

  it('rejects a chunked body beyond the limit', async () => {
    await using server = await startHttpTestServer();
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(server.url + path, { method: 'POST', headers: json }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      request.on('error', reject);
      for (let part = 0; part < 9; part += 1) request.write('x'.repeat(8 * 1024));
      request.end();
    });
    expect(status).toBe(413);
  });

  it('rejects a wrong secret and an unknown company with the same response', async () => {
    await using server = await startHttpTestServer();
    const wrongPaths = [`/marketplace/webhook/41/wrong`, `/marketplace/webhook/999/${webhookSecret}`];
    for (const wrong of wrongPaths) {
      const response = await fetch(server.url + wrong, post(JSON.stringify(webhook)));
      expect(response.status).toBe(401);
      expect(await response.json()).toMatchObject({ code: 'INVALID_TOKEN' });
    }
    expect(server.acceptedWebhooks).toEqual([]);
  });

  it('rate-limits guesses per IP before authentication, but never a known path', async () => {
    const queried: number[] = [];
    await using server = await startHttpTestServer({
      limiters: { failedWebhookAuth: new MemoryIpRateLimiter({ points: 2, windowSeconds: 60 }) },
      options: { trustProxy: 1 },
      webhookAuthenticator: {
        authenticate: async (id, secret) => {
          queried.push(id);
          if (secret !== webhookSecret) throw new AppError('INVALID_TOKEN');
          return companyWith(id);
        },
      },
    });
    const send = async (to: string, from: string) => {
      const headers = { ...json, 'x-forwarded-for': from };
      return await fetch(server.url + to, post(JSON.stringify(webhook), headers));
    };
    for (let time = 0; time < 5; time += 1) expect((await send(path, '7.7.7.7')).status).toBe(200);
    for (const id of [901, 902]) {
      expect((await send(`/marketplace/webhook/${id}/guess`, '7.7.7.7')).status).toBe(401);
    }
    const refused = await send('/marketplace/webhook/903/guess', '7.7.7.7');
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMIT', retryAfter: 60 });
    expect(queried).not.toContain(903);
    for (const from of ['7.7.7.7', '8.8.8.8']) expect((await send(path, from)).status).toBe(200);
  });

  it('responds 503 with Retry-After if the webhook could not be stored', async () => {
    await using server = await startHttpTestServer({
      inbox: {
        acceptEntity: async () => {
          throw new AppError('DB_ERROR');
        },
      },
    });
    const response = await fetch(server.url + path, post(JSON.stringify(webhook)));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ code: 'DB_ERROR', retryAfter: 5 });
  });

  it('counts the request by route and logs it without the secret', async () => {
    await using server = await startHttpTestServer();
    await fetch(server.url + path, post(JSON.stringify(webhook)));
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toContain('method="POST",route="/marketplace/webhook/:companyId/:secret",status="200"');
    expect(server.log.lines.join('\n')).toContain('/marketplace/webhook/41/***');
    expect(server.log.lines.join('\n')).not.toContain(webhookSecret);
  });
});

describe('POST /marketplace/webhook/:companyId', () => {
  const generic = { type: 'record.create', data: { id: 7 }, timestamp: '2026-04-01T10:00:00Z' };
  const send = async (url: string, body: unknown, key = apiKey) =>
    await fetch(url, post(JSON.stringify(body), { ...json, 'x-api-key': key }));

  it('accepts a generic webhook with the API key', async () => {
    await using server = await startHttpTestServer();
    const response = await send(`${server.url}/marketplace/webhook/41`, generic);
    expect(await response.json()).toEqual({ success: true });
    expect(server.acceptedWebhooks).toEqual([
      { companyId: 41, webhook: { ...generic, timestamp: new Date(generic.timestamp) } },
    ]);
  });

  it("rejects a wrong key, another company's path and an invalid body", async () => {
    await using server = await startHttpTestServer();
    expect((await send(`${server.url}/marketplace/webhook/41`, generic, 'wrong')).status).toBe(401);
    expect((await send(`${server.url}/marketplace/webhook/42`, generic)).status).toBe(403);
    const wrong = await send(`${server.url}/marketplace/webhook/41`, { ...generic, timestamp: 'yesterday' });
    expect(wrong.status).toBe(400);
    expect(((await wrong.json()) as { error: string }).error).toContain('timestamp');
    expect(server.acceptedWebhooks).toEqual([]);
  });
});

describe('POST /marketplace/callback', () => {
  const uninstall = { salon_id: 510041, application_id: 4242, event: 'uninstall', partner_token: 'p' };

  it('passes on the lifecycle event with the signed fields of a payment', async () => {
    const events: unknown[] = [];
    await using server = await startHttpTestServer({
      lifecycle: { handle: async (event) => void events.push(event) },
    });
    const send = async (body: unknown) =>
      await fetch(`${server.url}/marketplace/callback`, post(JSON.stringify(body)));
    expect(await (await send(uninstall)).json()).toEqual({ success: true });
    await send({
      ...uninstall,
      event: 'payment',
      amount: 1990,
      discount: null,
      sign: 'ab',
      currency_iso: 'RUB',
    });
    const webhookEvent = { salonId: 510041, applicationId: 4242, partnerToken: 'p' };
    expect(events).toEqual([
      { ...webhookEvent, event: 'uninstall' },
      { ...webhookEvent, event: 'payment', payment: { amount: '1990', discount: undefined, sign: 'ab' } },
    ]);
  });

  it('passes on the numbers of a payment as source text, which the signature covers', async () => {
    const payments: unknown[] = [];
    await using server = await startHttpTestServer({
      lifecycle: { handle: async ({ payment }) => void payments.push(payment) },
    });
    const send = async (numbers: string) => {
      const body = `{"salon_id":510041,"application_id":4242,"event":"payment","sign":"ab",${numbers}}`;
      return (await fetch(`${server.url}/marketplace/callback`, post(body))).status;
    };
    expect(await send('"amount":1990.00,"discount":10.50')).toBe(200);
    expect(await send('"amount":"1990.00","discount":0')).toBe(200);
    expect(payments).toEqual([
      { amount: '1990.00', discount: '10.50', sign: 'ab' },
      { amount: '1990.00', discount: '0', sign: 'ab' },
    ]);
    for (const wrong of ['"amount":"many"', '"amount":true', '"amount":[1]', '"amount":1,"discount":"x"']) {
      expect(await send(wrong)).toBe(400);
    }
  });

  it('rejects a wrong partner token and never logs it', async () => {
    await using server = await startHttpTestServer({
      lifecycle: {
        handle: async () => {
          throw new AppError('FORBIDDEN');
        },
      },
    });
    const response = await fetch(
      `${server.url}/marketplace/callback`,
      post(JSON.stringify({ ...uninstall, partner_token: 'stolen-partner-token' })),
    );
    expect(response.status).toBe(403);
    expect(server.log.lines.join('\n')).not.toContain('stolen-partner-token');
  });

  it('rejects an unknown event and an unsigned payment', async () => {
    await using server = await startHttpTestServer();
    for (const body of [
      { ...uninstall, event: 'explode' },
      { ...uninstall, event: 'payment', amount: 1 },
    ]) {
      const response = await fetch(`${server.url}/marketplace/callback`, post(JSON.stringify(body)));
      expect(response.status).toBe(400);
    }
  });
});
