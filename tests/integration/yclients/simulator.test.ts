import { describe, expect, it } from 'vitest';
import { verifyUserData } from '../../../src/yclients/signature.ts';
import {
  activate,
  startActiveSalon,
  booking,
  callApi,
  startYclients,
  statusPath,
  userAuthorization,
} from '../../support/fixtures/yclients-fixture.ts';

describe('headers', () => {
  it('demands the partner token, the v2 media type, and a user for records', async () => {
    const simulator = await startYclients();
    expect((await callApi(simulator, '/api/v1/company/510001')).status).toBe(200);
    expect((await callApi(simulator, '/api/v1/company/510001', { authorization: 'Bearer x' })).status).toBe(
      401,
    );
    expect((await callApi(simulator, '/api/v1/company/510001', { accept: '*/*' })).status).toBe(406);
    expect((await callApi(simulator, '/api/v1/records/510001')).status).toBe(401);
    expect((await callApi(simulator, statusPath, { authorization: userAuthorization })).status).toBe(401);
  });
});

describe('installation', () => {
  it('goes from consent to active and tells so', async () => {
    const simulator = await startYclients();
    expect((await callApi(simulator, statusPath)).status).toBe(404);
    simulator.pressConnect(510_001);
    expect((await callApi(simulator, statusPath)).body).toMatchObject({
      data: { connection_status: { status: 'pending' } },
    });
    expect(await activate(simulator)).toMatchObject({ status: 201, body: { success: true } });
    expect((await callApi(simulator, statusPath)).body).toMatchObject({
      success: true,
      data: {
        connection_status: { status: 'active' },
        payments: [],
        logs: [
          { status_from: 'uninstalled', status_to: 'pending', source: 'marketplace' },
          { status_from: 'pending', status_to: 'active', source: 'partner_api' },
        ],
      },
    });
    expect(simulator.salon(510_001).activation.apiKey).toBe('key');
  });

  it('is refused without consent, an hour after it, and twice', async () => {
    let now = Date.parse('2026-03-01T07:00:00Z');
    const simulator = await startYclients({ now: () => now });
    expect((await activate(simulator)).status).toBe(422);
    simulator.pressConnect(510_001);
    now += 3_600_001;
    expect((await activate(simulator)).status).toBe(422);
    simulator.pressConnect(510_001);
    now += 3_599_000;
    expect((await activate(simulator)).status).toBe(201);
    expect(await activate(simulator)).toMatchObject({
      status: 422,
      body: { meta: { message: 'Пользователь уже установил это приложение.' } },
    });
  });

  it('is refused for an unknown salon, another application or a malformed body', async () => {
    const simulator = await startYclients({ now: steppingClock(1000) });
    simulator.pressConnect(510_001);
    const eleven = Array.from({ length: 11 }, (_, index) => `https://app.example/${index}`);
    expect((await activate(simulator, { salon_id: 1 })).status).toBe(403);
    expect((await activate(simulator, { application_id: 1 })).status).toBe(403);
    expect((await activate(simulator, { salon_id: '510001' })).status).toBe(422);
    expect((await activate(simulator, { webhook_urls: ['http://app.example/'] })).status).toBe(422);
    expect((await activate(simulator, { webhook_urls: eleven })).status).toBe(422);
    expect((await activate(simulator, { channels: ['pigeon'] })).status).toBe(422);
    expect(simulator.salon(510_001).status).toBe('pending');
  });

  it('is frozen and thawed by a payment, and can be removed from any state', async () => {
    const { simulator } = await startActiveSalon();
    await simulator.freeze(510_001);
    expect(
      (await callApi(simulator, '/api/v1/records/510001', { authorization: userAuthorization })).status,
    ).toBe(403);
    await simulator.pay(510_001, { amount: 1990 });
    expect(simulator.salon(510_001).status).toBe('active');
    await simulator.uninstall(510_001);
    expect((await callApi(simulator, statusPath)).status).toBe(404);
  });
});

describe('registration redirect', () => {
  it('carries the published signature for the published user', async () => {
    const simulator = await startYclients({ partnerToken: '2t6u73mrh85btb8wgyfj' });
    const userData = {
      user_id: 123,
      name: 'Андрей Иванов',
      email: 'andrey@example.com',
      phone: '79990009900',
    };
    const url = simulator.pressConnect(510_001, { userData });
    expect(url.searchParams.get('salon_id')).toBe('510001');
    expect(url.searchParams.get('user_data_sign')).toBe(
      '4c4e4694660399173ce165d761e59dd8da341cf0bb04673db21f28bb4153e950',
    );
  });

  it('lists several salons and can be forged or unsigned', async () => {
    const simulator = await startYclients();
    simulator.addSalon({ id: 510_002, title: 'Второй' });
    const several = simulator.pressConnect([510_001, 510_002]);
    expect(several.searchParams.getAll('salon_ids[]')).toEqual(['510001', '510002']);
    const unsigned = simulator.pressConnect(510_001, { signature: 'missing' });
    expect(unsigned.searchParams.has('user_data_sign')).toBe(false);
    const forged = simulator.pressConnect(510_001, { signature: 'forged' });
    const partnerToken = 'sim_partner_token_0001';
    const read = (url: URL) => {
      const userData = url.searchParams.get('user_data') ?? '';
      return verifyUserData({
        userData,
        userDataSign: url.searchParams.get('user_data_sign') ?? '',
        partnerToken,
      });
    };
    expect(read(several)).toMatchObject({ id: 777_001, phone: '79001112233' });
    expect(() => read(forged)).toThrow('not valid');
  });

  it('starts at the button of the marketplace page', async () => {
    const simulator = await startYclients();
    const page = await fetch(simulator.marketplaceUrl(510_001));
    expect(await page.text()).toContain('Подключить');
    const pressed = await fetch(`${simulator.marketplaceUrl(510_001)}/connect`, {
      method: 'POST',
      redirect: 'manual',
    });
    expect(pressed.status).toBe(303);
    expect(pressed.headers.get('location')).toMatch(
      /^https:\/\/app\.example\/marketplace\/register\?salon_id=510001&/,
    );
    expect(simulator.salon(510_001).status).toBe('pending');
  });
});

describe('rate limits', () => {
  it('answers 429 to the sixth request within a second and to the 201st within a minute', async () => {
    let now = 0;
    const simulator = await startYclients({ now: () => now });
    const statuses: number[] = [];
    for (let request = 0; request < 6; request += 1) {
      statuses.push((await callApi(simulator, '/api/v1/company/510001')).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    now += 1000;
    for (let request = 5; request < 200; request += 1) {
      now += 250;
      expect((await callApi(simulator, '/api/v1/company/510001')).status).toBe(200);
    }
    now += 250;
    expect((await callApi(simulator, '/api/v1/company/510001')).status).toBe(429);
    now += 60_000;
    expect((await callApi(simulator, '/api/v1/company/510001')).status).toBe(200);
  });

  it('names the time to wait only when told to', async () => {
    const simulator = await startYclients();
    simulator.limitRates({ perSecond: 0 });
    expect((await callApi(simulator, statusPath)).headers.has('retry-after')).toBe(false);
    simulator.limitRates({ retryAfterSeconds: 7 });
    expect((await callApi(simulator, statusPath)).headers.get('retry-after')).toBe('7');
  });
});

describe('records over the API', () => {
  it('are read, listed, and changed only as a whole, with an echo to the author', async () => {
    const { simulator, hook } = await startActiveSalon();
    const { id } = simulator.book(510_001, booking);
    const path = `/api/v1/record/510001/${id}`;
    const read = await callApi(simulator, path, { authorization: userAuthorization });
    expect(read.body).toMatchObject({ data: { id, date: '2026-03-10T14:30:00+03:00' } });
    const put = (body: unknown) =>
      callApi(simulator, path, { authorization: userAuthorization, method: 'PUT', body });
    expect((await put({ attendance: 2 })).status).toBe(422);
    const full = { staff_id: 1, services: [{ id: 1 }], client: null, datetime: '2026-03-10T15:00:00+03:00' };
    expect((await put({ ...full, seance_length: 3600, attendance: 2 })).status).toBe(200);
    await simulator.waitForWebhooks();
    expect(hook.bodies.at(-1)).toMatchObject({
      status: 'update',
      data: { attendance: 2, date: '2026-03-10 15:00:00' },
    });
  });

  it('are listed by day, without deleted ones unless asked', async () => {
    const { simulator } = await startActiveSalon();
    const first = simulator.book(510_001, booking);
    const second = simulator.book(510_001, { ...booking, start: '2026-03-12 09:00:00' });
    simulator.cancel(second.id);
    const list = (query: string) =>
      callApi(simulator, `/api/v1/records/510001?${query}`, { authorization: userAuthorization });
    expect((await list('')).body).toMatchObject({ data: [{ id: first.id }], meta: { total_count: 1 } });
    expect((await list('start_date=2026-03-11&with_deleted=1')).body).toMatchObject({
      data: [{ id: second.id, deleted: true }],
    });
  });
});

/** Every reading is later by `stepMs`. */
function steppingClock(stepMs: number): () => number {
  let now = Date.parse('2026-03-01T07:00:00Z');
  return () => (now += stepMs);
}
