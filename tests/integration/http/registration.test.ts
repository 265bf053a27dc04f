import { describe, expect, it } from 'vitest';
import { companyId, companyWith } from '../../support/fixtures/test-companies.ts';
import { adminApiKey, startHttpTestServer } from '../../support/servers/http-test-server.ts';

const post = (body: unknown, headers: Record<string, string> = {}) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});

describe('GET /marketplace/register', () => {
  it('redirects to the connect page with the tokens of all salons in the fragment', async () => {
    const redirects: unknown[] = [];
    await using server = await startHttpTestServer({
      registration: {
        fromRedirect: async (redirect) => {
          redirects.push(redirect);
          return redirect.salonIds.map((salonId) => ({ companyId, token: `t${salonId}` }));
        },
      },
    });
    const response = await fetch(
      `${server.url}/marketplace/register?salon_ids%5B%5D=510001&salon_ids[]=510002&user_data=a+b&user_data_sign=c0`,
      { redirect: 'manual' },
    );
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe(
      'http://public.example/marketplace/connect#tokens=t510001,t510002',
    );
    expect(redirects).toEqual([{ salonIds: [510001, 510002], userData: 'a b', userDataSign: 'c0' }]);
  });

  it('accepts PHP-style indexes and ignores a repeated salon', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(
      `${server.url}/marketplace/register?salon_ids[0]=510001&salon_ids[1]=510001&user_data=a&user_data_sign=b`,
      { redirect: 'manual' },
    );
    expect(response.headers.get('location')).toMatch(/#tokens=token-510001-0$/);
  });

  it('is the redirect target of the signed settings page, query included', async () => {
    await using server = await startHttpTestServer();
    const query = '?salon_id=510001&user_data=a%2Bb&user_data_sign=c0';
    const response = await fetch(`${server.url}/marketplace/${query}`, { redirect: 'manual' });
    expect(response.status).toBe(303);
    expect(response.headers.get('location')).toBe(`/marketplace/register${query}`);
    expect((await fetch(`${server.url}/marketplace/`)).status).toBe(200);
  });

  it('rejects an unsigned redirect with 401', async () => {
    await using server = await startHttpTestServer();
    const response = await fetch(`${server.url}/marketplace/register?salon_id=510001`);
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ success: false, code: 'INVALID_TOKEN' });
  });

  it('rejects a missing or wrong salon and a repeated parameter with 400', async () => {
    await using server = await startHttpTestServer();
    const status = async (query: string) =>
      (await fetch(`${server.url}/marketplace/register?${query}&user_data=a&user_data_sign=b`)).status;
    expect(await status('x=1')).toBe(400);
    expect(await status('salon_id=1e3')).toBe(400);
    expect(await status('salon_id=1&salon_id=2')).toBe(400);
    expect(await status('salon_id=1&user_data=zz')).toBe(400);
  });
});

describe('POST /marketplace/register', () => {
  it('responds 201 for a new company and 200 for an existing one', async () => {
    let created = true;
    await using server = await startHttpTestServer({
      registration: {
        byAdmin: async () => ({
          company: companyWith(companyId),
          created,
          connectUrl: 'https://x/c#token=t',
        }),
      },
    });
    const register = async () =>
      await fetch(
        `${server.url}/marketplace/register`,
        post({ salon_id: 510041 }, { 'x-api-key': adminApiKey }),
      );
    const first = await register();
    expect(first.status).toBe(201);
    expect(await first.json()).toEqual({
      success: true,
      company_id: 41,
      salon_id: 510041,
      connect_url: 'https://x/c#token=t',
    });
    created = false;
    expect((await register()).status).toBe(200);
  });

  it('names the invalid field', async () => {
    await using server = await startHttpTestServer();
    const errorFor = async (body: unknown) => {
      const response = await fetch(
        `${server.url}/marketplace/register`,
        post(body, { 'x-api-key': adminApiKey, 'accept-language': 'en' }),
      );
      expect(response.status).toBe(400);
      return ((await response.json()) as { error: string }).error;
    };
    expect(await errorFor({})).toBe('The field salon_id is required.');
    expect(await errorFor({ salon_id: 1.5 })).toContain('salon_id');
    expect(await errorFor({ salon_id: 2 ** 53 })).toContain('salon_id');
    expect(await errorFor({ salon_id: 1, phone: '12' })).toContain('phone');
    expect(await errorFor({ salon_id: 1, email: 'nobody' })).toContain('email');
    expect(await errorFor({ salon_id: 1, role: 'admin' })).toBe('The field role is unknown.');
  });

  it('rejects a missing or wrong admin key, and any key if none is configured', async () => {
    await using server = await startHttpTestServer();
    await using withoutKey = await startHttpTestServer({ options: { adminApiKey: undefined } });
    const body = { salon_id: 1 };
    expect((await fetch(`${server.url}/marketplace/register`, post(body))).status).toBe(401);
    expect(
      (await fetch(`${server.url}/marketplace/register`, post(body, { 'x-api-key': 'no' }))).status,
    ).toBe(401);
    expect(
      (await fetch(`${withoutKey.url}/marketplace/register`, post(body, { 'x-api-key': adminApiKey })))
        .status,
    ).toBe(401);
  });
});
