import { describe, expect, it } from 'vitest';
import { AppError, type ErrorCode, errorCodes } from '../../../src/domain/errors/app-error.ts';
import { MemoryIpRateLimiter } from '../../../src/lib/net/ip-rate-limiter.ts';
import { apiKey, token } from '../../support/fixtures/test-companies.ts';
import { adminApiKey, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const bearer = { authorization: `Bearer ${token}` };

describe('an error response', () => {
  it.for(Object.keys(errorCodes) as ErrorCode[])(
    'for %s has its status, message and request id',
    async (code) => {
      await using server = await startHttpTestServer({
        service: {
          generateQR: async () => {
            throw new AppError(code, { retryAfterSeconds: 7 });
          },
        },
      });
      const response = await fetch(`${server.url}/marketplace/qr`, {
        headers: { ...bearer, 'x-request-id': 'caller-0001' },
      });
      expect(response.status).toBe(errorCodes[code].httpStatus);
      expect(response.headers.get('retry-after')).toBe('7');
      expect(await response.json()).toEqual({
        success: false,
        error: errorCodes[code].text.ru,
        code,
        requestId: 'caller-0001',
        retryAfter: 7,
      });
    },
  );

  it('for an unexpected error hides the details, which are logged', async () => {
    await using server = await startHttpTestServer({
      service: {
        generateQR: async () => {
          throw new Error('relation companies does not exist');
        },
      },
    });
    const response = await fetch(`${server.url}/marketplace/qr`, { headers: bearer });
    const text = await response.text();
    expect(response.status).toBe(500);
    expect(JSON.parse(text)).toMatchObject({ success: false, code: 'INTERNAL_ERROR' });
    expect(text).not.toMatch(/relation|\bat |stack/);
    expect(server.log.lines.join('\n')).toContain('relation companies does not exist');
  });

  it('is in English if Accept-Language prefers it', async () => {
    await using server = await startHttpTestServer();
    const errorIn = async (language: string) => {
      const response = await fetch(`${server.url}/marketplace/qr`, {
        headers: { 'accept-language': language },
      });
      return ((await response.json()) as { error: string }).error;
    };
    expect(await errorIn('en-GB,en;q=0.9,ru;q=0.5')).toBe(errorCodes.INVALID_TOKEN.text.en);
    expect(await errorIn('en;q=0.2,ru;q=0.8')).toBe(errorCodes.INVALID_TOKEN.text.ru);
    expect(await errorIn('fr')).toBe(errorCodes.INVALID_TOKEN.text.ru);
  });

  it('is a page for a browser and JSON for a program', async () => {
    await using server = await startHttpTestServer();
    const page = await fetch(`${server.url}/marketplace/nowhere`, {
      headers: { accept: 'text/html,*/*;q=0.8' },
    });
    expect(page.status).toBe(404);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('data-code="NOT_FOUND"');
    const program = await fetch(`${server.url}/marketplace/nowhere`);
    expect(await program.json()).toMatchObject({ success: false, code: 'NOT_FOUND' });
  });

  it('for a malformed path is 400', async () => {
    await using server = await startHttpTestServer();
    expect((await fetch(`${server.url}/marketplace/status/%E0%A4`, { headers: bearer })).status).toBe(400);
  });

  it('replaces a request id that could forge a log line', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/health/live`, { headers: { 'x-request-id': 'a b"c' } });
    expect(response.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
  });
});

describe('the rate limit per IP', () => {
  const limiters = { page: new MemoryIpRateLimiter({ points: 2, windowSeconds: 60 }) };

  it('responds 429 with the seconds to wait, despite a forged X-Forwarded-For', async () => {
    await using server = await startHttpTestServer({ limiters });
    const get = async (index: number) =>
      await fetch(`${server.url}/marketplace/qr`, { headers: { 'x-forwarded-for': `6.6.6.${index}` } });
    expect((await get(1)).status).toBe(401);
    expect((await get(2)).status).toBe(401);
    const limited = await get(3);
    expect(limited.status).toBe(429);
    const seconds = Number(limited.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(50);
    expect(await limited.json()).toMatchObject({ code: 'RATE_LIMIT', retryAfter: seconds });
  });

  it('trusts exactly the configured proxies and counts an IPv6 /64 as one IP', async () => {
    const onePerMinute = { page: new MemoryIpRateLimiter({ points: 1, windowSeconds: 60 }) };
    await using server = await startHttpTestServer({ limiters: onePerMinute, options: { trustProxy: 1 } });
    const get = async (forwarded: string) =>
      (await fetch(`${server.url}/marketplace/qr`, { headers: { 'x-forwarded-for': forwarded } })).status;
    expect(await get('1.1.1.1, 2001:db8:0:1::1')).toBe(401);
    expect(await get('2.2.2.2, 2001:db8:0:1:ffff::2')).toBe(429);
    expect(await get('1.1.1.1, 2001:db8:0:2::1')).toBe(401);
  });
});

describe('response headers', () => {
  it('restrict a page to its own server', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/marketplace/connect`);
    expect(await response.text()).toContain('connect');
    expect(response.headers.get('content-security-policy')).toBe(
      "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;" +
        "connect-src 'self' ws://public.example;base-uri 'none';form-action 'self';object-src 'none';frame-ancestors 'none'",
    );
    expect(response.headers.get('referrer-policy')).toBe('no-referrer');
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('x-frame-options')).toBe('DENY');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect(response.headers.get('x-powered-by')).toBeNull();
    expect(response.headers.get('strict-transport-security')).toBeNull();
  });

  it('enforce https for an https PUBLIC_URL and allow embedding by FRAME_ANCESTORS', async () => {
    await using server = await startHttpTestServer({
      options: { publicUrl: 'https://wa.example', frameAncestors: ['https://yclients.com'] },
    });
    const response = await fetch(`${server.url}/marketplace/`);
    expect(response.headers.get('strict-transport-security')).toContain('max-age=31536000');
    expect(response.headers.get('content-security-policy')).toContain('frame-ancestors https://yclients.com');
    expect(response.headers.get('content-security-policy')).toContain("connect-src 'self' wss://wa.example");
    expect(response.headers.get('x-frame-options')).toBeNull();
  });

  it('allow CORS for ALLOWED_ORIGINS only', async () => {
    await using server = await startHttpTestServer();
    const allowedOriginFor = async (origin: string) =>
      (await fetch(`${server.url}/health/live`, { headers: { origin } })).headers.get(
        'access-control-allow-origin',
      );
    expect(await allowedOriginFor('https://allowed.example')).toBe('https://allowed.example');
    expect(await allowedOriginFor('https://evil.example')).toBeNull();
    expect(await allowedOriginFor('null')).toBeNull();
  });
});

describe('assets', () => {
  it('are served with their type, and nothing outside their folder is', async () => {
    await using server = await startHttpTestServer();
    const styles = await fetch(`${server.url}/marketplace/assets/styles.css`);
    expect(styles.headers.get('content-type')).toContain('text/css');
    expect(styles.headers.get('cache-control')).toBe('no-cache');
    for (const path of ['..%2f..%2fpackage.json', '%2e%2e/%2e%2e/etc/passwd', 'missing.js', '.env']) {
      const response = await fetch(`${server.url}/marketplace/assets/${path}`);
      expect([400, 404]).toContain(response.status);
    }
  });
});

describe('logs and metrics', () => {
  it('contain route templates and no secrets of a path or body', async () => {
    await using server = await startHttpTestServer();
    await fetch(`${server.url}/marketplace/qr/${token}`);
    await fetch(`${server.url}/marketplace/QR/${token}`);
    await fetch(`${server.url}/marketplace/nowhere/${token}?token=${token}`);
    await fetch(`${server.url}/marketplace/status/41`, { headers: bearer });
    await fetch(`${server.url}/marketplace/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': apiKey, 'idempotency-key': 'k' },
      body: JSON.stringify({ phone: '+79001234567', text: 'Секретный текст' }),
    });
    await fetch(`${server.url}/marketplace/companies`, { headers: { 'x-api-key': adminApiKey } });
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const routes = new Set([...metrics.matchAll(/_count\{.*route="([^"]+)"/g)].map(([, route]) => route));
    expect([...routes]).toEqual([
      '/marketplace/qr/:token',
      'other',
      '/marketplace/status/:companyId',
      '/marketplace/messages',
      '/marketplace/companies',
    ]);
    const output = metrics + server.log.lines.join('\n');
    for (const secret of [token, apiKey, adminApiKey, '9001234567', 'Секретный']) {
      expect(output).not.toContain(secret);
    }
    expect(server.log.lines.filter((line) => line.includes('"HTTP request completed"'))).toHaveLength(7);
  });
});

describe('GET /metrics', () => {
  it('responds 404 to external clients, whatever headers they send', async () => {
    await using server = await startHttpTestServer({ options: { trustProxy: 1 } });
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${server.url}/metrics`, { headers })).status;
    expect(await status({})).toBe(200);
    expect(await status({ 'x-forwarded-for': '10.0.0.7' })).toBe(200);
    expect(await status({ 'x-forwarded-for': '8.8.8.8' })).toBe(404);
    expect(await status({ 'x-forwarded-for': '127.0.0.1, 8.8.8.8' })).toBe(404);
    expect(await status({ 'x-forwarded-for': '8.8.8.8, 127.0.0.1' })).toBe(404);
    expect(await status({ 'x-real-ip': '8.8.8.8' })).toBe(404);
    expect(await status({ forwarded: 'for=8.8.8.8' })).toBe(404);
  });

  it('requires the token if one is configured', async () => {
    await using server = await startHttpTestServer({ options: { metricsToken: 'metrics-token' } });
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${server.url}/metrics`, { headers })).status;
    expect(await status({})).toBe(401);
    expect(await status({ authorization: 'Bearer wrong' })).toBe(401);
    expect(await status({ authorization: 'Bearer metrics-token' })).toBe(200);
  });
});

describe('GET /health/ready', () => {
  it('shows dependency details to internal clients only', async () => {
    await using server = await startHttpTestServer();
    expect(await (await fetch(`${server.url}/health/live`)).json()).toEqual({ status: 'ok' });
    const internal = await fetch(`${server.url}/health/ready`);
    expect(await internal.json()).toEqual({
      status: 'ok',
      dependencies: { database: { status: 'ok', detail: 'pg at db-1' } },
    });
    const external = await fetch(`${server.url}/health/ready`, { headers: { 'x-forwarded-for': '8.8.8.8' } });
    expect(await external.json()).toEqual({ status: 'ok', dependencies: { database: { status: 'ok' } } });
  });

  it('responds 503 while the instance is not ready', async () => {
    await using server = await startHttpTestServer({
      health: { ready: async () => ({ ready: false, status: 'draining', dependencies: {} }) },
    });
    const response = await fetch(`${server.url}/health/ready`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'draining', dependencies: {} });
  });
});
