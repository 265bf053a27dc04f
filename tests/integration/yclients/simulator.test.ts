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

describe('YCLIENTS simulator: headers', () => {
  it('requires the partner token, the v2 media type, and a user token for records', async () => {
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

describe('YCLIENTS simulator: installation', () => {
  it('goes from consent to active and logs both transitions', async () => {
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

  it('is rejected without consent, an hour after it, and when it is repeated', async () => {
    let nowMs = Date.parse('2026-03-01T07:00:00Z');
    const simulator = await startYclients({ now: () => nowMs });
    expect((await activate(simulator)).status).toBe(422);
    simulator.pressConnect(510_001);
    nowMs += 3_600_001;
    expect((await activate(simulator)).status).toBe(422);
    simulator.pressConnect(510_001);
    nowMs += 3_599_000;
    expect((await activate(simulator)).status).toBe(201);
    expect(await activate(simulator)).toMatchObject({
      status: 422,
      body: { meta: { message: 'Пользователь уже установил это приложение.' } },
    });
  });

  it('is rejected for an unknown salon, another application or an invalid body', async () => {
    const simulator = await startYclients({ now: steppingClock(1000) });
    simulator.pressConnect(510_001);
    const elevenUrls = Array.from({ length: 11 }, (_, index) => `https://app.example/${index}`);
    expect((await activate(simulator, { salon_id: 1 })).status).toBe(403);
    expect((await activate(simulator, { application_id: 1 })).status).toBe(403);
    expect((await activate(simulator, { salon_id: '510001' })).status).toBe(422);
    expect((await activate(simulator, { webhook_urls: ['http://app.example/'] })).status).toBe(422);
    expect((await activate(simulator, { webhook_urls: elevenUrls })).status).toBe(422);
    expect((await activate(simulator, { channels: ['pigeon'] })).status).toBe(422);
    expect(simulator.salon(510_001).status).toBe('pending');
  });

  it('can be frozen, unfrozen by a payment, and uninstalled', async () => {
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

describe('YCLIENTS simulator: registration redirect', () => {
  it('contains the published signature for the published user', async () => {
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

  it('can contain several salons, a forged signature or none', async () => {
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

  it('follows the button of the marketplace page', async () => {
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

describe('YCLIENTS simulator: rate limits', () => {
  it('return 429 for the sixth request in a second and the 201st in a minute', async () => {
    let nowMs = 0;
    const simulator = await startYclients({ now: () => nowMs });
    const statuses: number[] = [];
    for (let request = 0; request < 6; request += 1) {
      statuses.push((await callApi(simulator, '/api/v1/company/510001')).status);
    }
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
    nowMs += 1000;
    for (let request = 5; request < 200; request += 1) {
      nowMs += 250;
      expect((await callApi(simulator, '/api/v1/company/510001')).status).toBe(200);
    }
    nowMs += 250;
    expect((await callApi(simulator, '/api/v1/company/510001')).status).toBe(429);
    nowMs += 60_000;
    expect((await callApi(simulator, '/api/v1/company/510001')).status).toBe(200);
  });

  it('send Retry-After only when it is configured', async () => {
    const simulator = await startYclients();
    simulator.limitRates({ perSecond: 0 });
    expect((await callApi(simulator, statusPath)).headers.has('retry-after')).toBe(false);
    simulator.limitRates({ retryAfterSeconds: 7 });
    expect((await callApi(simulator, statusPath)).headers.get('retry-after')).toBe('7');
  });
});

describe('YCLIENTS simulator: records', () => {
  it('can be read and updated as a whole, and an update triggers a webhook', async () => {
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

  it('are listed by day, and deleted ones only on request', async () => {
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

/** Advances by `stepMs` at each reading. */
function steppingClock(stepMs: number): () => number {
  let nowMs = Date.parse('2026-03-01T07:00:00Z');
  return () => (nowMs += stepMs);
}
