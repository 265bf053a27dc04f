import { describe, expect, it } from 'vitest';
import { salonIdFrom } from '../../../src/domain/ids.ts';
import {
  callbackEndpoint,
  companyEndpoint,
  installation,
  captureAppError,
  salonId,
  startClient,
} from '../../support/clients/yclients-client.ts';
import { startYclients } from '../../support/fixtures/yclients-fixture.ts';

describe('reading from YCLIENTS', () => {
  it('returns the company with its time zone and service titles', async () => {
    const { client } = await startClient();
    expect(await client.getCompany(salonId)).toEqual({
      id: 510_001,
      title: 'Ромашка',
      shortDescription: '',
      phone: '+74950000000',
      city: 'Москва',
      timeZone: 'Europe/Moscow',
      businessTypeId: 1,
      businessTypeTitle: undefined,
      serviceTitles: ['Стрижка'],
    });
  });

  it('returns the company without service titles when the services cannot be read', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse('GET /api/v1/book_services/*', 500);
    expect(await client.getCompany(salonId)).toMatchObject({ title: 'Ромашка', serviceTitles: [] });
    expect(simulator.requests.map(({ status }) => status)).toEqual([200, 500]);
  });

  it('returns each state of the installation', async () => {
    const { simulator, client } = await startClient();
    expect(await client.getApplicationStatus(salonId)).toBe('uninstalled');
    expect(await client.getApplicationStatus(salonIdFrom(99))).toBe('uninstalled');
    simulator.pressConnect(510_001);
    expect(await client.getApplicationStatus(salonId)).toBe('pending');
    expect(await client.activate(installation)).toBe('activated');
    expect(await client.getApplicationStatus(salonId)).toBe('active');
    await simulator.freeze(510_001);
    expect(await client.getApplicationStatus(salonId)).toBe('freezed');
  });

  it('sends the user token to REST endpoints, but not to the marketplace', async () => {
    const { simulator, client } = await startClient();
    await client.getCompany(salonId);
    await client.getApplicationStatus(salonId);
    expect(simulator.requests.slice(-2).map(({ authorization }) => authorization)).toEqual([
      'Bearer sim_partner_token_0001, User sim_user_token_0001',
      'Bearer sim_partner_token_0001',
    ]);
  });
});

describe('YclientsClient.activate', () => {
  it('sends the API key and the webhook URL', async () => {
    const { simulator, client } = await startClient();
    simulator.pressConnect(510_001);
    expect(await client.activate(installation)).toBe('activated');
    expect(simulator.salon(510_001).activation).toEqual({
      apiKey: 'key',
      webhookUrls: ['https://app.example/hook'],
      channels: [],
    });
  });

  it('returns already_installed for that message with any status', async () => {
    const { simulator, client } = await startClient();
    simulator.pressConnect(510_001);
    await client.activate(installation);
    expect(await client.activate(installation)).toBe('already_installed');
    const body = {
      success: false,
      data: null,
      meta: { message: 'Пользователь уже установил это приложение.' },
    };
    simulator.refuse(callbackEndpoint, 200, { body });
    expect(await client.activate(installation)).toBe('already_installed');
  });

  it('fails permanently without consent, and for success: false', async () => {
    const { simulator, client } = await startClient();
    const refused = { code: 'UPSTREAM_ERROR', retryable: false };
    expect(await captureAppError(client.activate(installation))).toMatchObject(refused);
    simulator.refuse(callbackEndpoint, 201, { body: { success: false, data: null, meta: {} } });
    expect(await captureAppError(client.activate(installation))).toMatchObject(refused);
  });

  it('is not retried; after a lost response the status shows that it took effect', async () => {
    const { simulator, client } = await startClient();
    simulator.pressConnect(510_001);
    simulator.dropResponse(callbackEndpoint);
    expect(await captureAppError(client.activate(installation))).toMatchObject({ retryable: true });
    expect(simulator.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
    expect(await client.getApplicationStatus(salonId)).toBe('active');
  });
});

describe('YCLIENTS error responses', () => {
  it('map to error codes and are not retried', async () => {
    const { simulator, client } = await startClient();
    for (const [status, code] of [
      [401, 'UPSTREAM_ERROR'],
      [403, 'FORBIDDEN'],
      [404, 'COMPANY_NOT_FOUND'],
      [422, 'UPSTREAM_ERROR'],
    ] as const) {
      simulator.refuse(companyEndpoint, status);
      expect(await captureAppError(client.getCompany(salonId))).toMatchObject({ code, retryable: false });
    }
    expect(simulator.requests).toHaveLength(4);
  });

  it('are quoted without long numbers', async () => {
    const { simulator, client } = await startClient();
    simulator.refuse(companyEndpoint, 422, { body: { meta: { message: 'No access for 79001112233.' } } });
    const { cause } = await captureAppError(client.getCompany(salonId));
    expect(String(cause)).toContain('422: No access for ….');
  });

  it('include redirects, which are not followed', async () => {
    const [{ simulator, client }, otherHost] = [await startClient(), await startYclients()];
    simulator.redirect(companyEndpoint, `${otherHost.url}/api/v1/company/510001`);
    expect(await captureAppError(client.getCompany(salonId))).toMatchObject({ code: 'UPSTREAM_ERROR' });
    expect(otherHost.requests).toEqual([]);
  });
});
