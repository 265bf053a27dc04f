import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  dateInDays,
  linkSalon,
  type LinkedSalon,
  fetchStats,
} from '../../../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from '../../../../dev-env/clients/test-clients.ts';
import { adminApiKey, clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const neighbour = { id: 540_002, title: 'Салон «Сирень»', timeZone: 'Europe/Moscow' } as const;

describe('lifecycle webhooks', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salon: LinkedSalon;
  let other: LinkedSalon;
  let client: SimulatedPhone;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    stack.yclients.addSalon(neighbour);
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
    other = await linkSalon(stack, { salonId: neighbour.id, number: '79001112266' });
  });
  afterAll(() => scope.disposeAsync());

  const visit = (at: LinkedSalon, staff: string) =>
    stack.yclients.book(at.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff,
      start: dateInDays(2, '14:30:00'),
    });
  const waitForMessage = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 15_000);

  /** Posts a booking to a webhook URL that the simulator no longer uses. */
  const post = async (url: string, recordId: number, staff: string): Promise<number> => {
    const data = {
      ...visit(other, 'Образец.').body({ flags: 'int' }),
      id: recordId,
      staff: { id: 1, name: staff },
    };
    const body = {
      company_id: salon.salonId,
      resource: 'record',
      resource_id: recordId,
      status: 'create',
      data,
    };
    return (await sendRequest(url, { body })).status;
  };

  const waitForOutcome = (outcome: string) =>
    waitFor(`a webhook to be processed: ${outcome}`, () =>
      stack.server.output
        .split('\n')
        .filter((line) => line.includes('"Webhook processed"'))
        .map((line) => JSON.parse(line) as { companyId: number; outcome: string })
        .some((line) => line.companyId === salon.companyId && line.outcome === outcome),
    );

  const credentialRows = (companyId: number): number => {
    using database = new DatabaseSync(join(stack.directory, 'sessions', 'credentials.sqlite'), {
      readOnly: true,
    });
    const row = database
      .prepare('select count(*) as rows from credentials where company_id = ?')
      .get(companyId);
    return Number(row?.['rows']);
  };

  const statusForAdmin = async (): Promise<unknown> => {
    const response = await sendRequest(`${stack.url}/marketplace/status/${salon.companyId}`, {
      headers: { 'x-api-key': adminApiKey },
    });
    return await response.json();
  };

  it.each([
    ['a wrong', 'wrong'],
    ['no', null],
  ])('are rejected with %s partner token', async (_what, partnerToken) => {
    const before = await fetchStats(stack);
    for (const forge of [
      () => stack.yclients.uninstall(salon.salonId, { partnerToken }),
      () => stack.yclients.freeze(salon.salonId, { partnerToken }),
      () => stack.yclients.pay(salon.salonId, { amount: 990 }, { partnerToken }),
    ]) {
      expect((await forge()).status).toBe(403);
    }
    expect(await fetchStats(stack)).toEqual(before);
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({
      integration_status: 'active',
      session_state: 'connected',
    });
    expect(salon.owner.linkedDevices).toHaveLength(1);
  });

  it('stop messages while frozen until a payment with a valid signature', async () => {
    expect((await stack.yclients.freeze(salon.salonId)).status).toBe(200);
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ integration_status: 'frozen' });
    expect(await post(salon.webhookUrl, 880_001, 'Мороз.')).toBe(200);
    await waitForOutcome('confirmation');

    const forged = {
      salon_id: salon.salonId,
      application_id: stack.yclients.credentials.applicationId,
      event: 'payment',
      partner_token: stack.yclients.credentials.partnerToken,
      amount: 990,
      sign: '0'.repeat(64),
    };
    expect((await sendRequest(`${stack.url}/marketplace/callback`, { body: forged })).status).toBe(403);
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ integration_status: 'frozen' });
    // The signature covers no date: a replayed payment must not end the freeze.
    const signed = `salon_id=${salon.salonId}&amount=990`;
    const sign = createHmac('sha256', forged.partner_token).update(signed).digest('hex');
    const repeated = { ...forged, sign };
    expect((await sendRequest(`${stack.url}/marketplace/callback`, { body: repeated })).status).toBe(200);
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ integration_status: 'frozen' });
    expect(client.inbox.filter(({ text }) => text.includes('Мороз.'))).toHaveLength(0);

    expect((await stack.yclients.pay(salon.salonId, { amount: 990 })).status).toBe(200);
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ integration_status: 'active' });
    visit(salon, 'Оттепель.');
    await waitForMessage('Оттепель.');
    await waitForMessage('Мороз.');
  });

  it('uninstall: unlinks the device, erases credentials, ignores later webhooks', async () => {
    expect(credentialRows(salon.companyId)).toBeGreaterThan(0);
    expect((await stack.yclients.uninstall(salon.salonId)).status).toBe(200);
    await waitFor('the phone to have no device', () => salon.owner.linkedDevices.length === 0);
    await waitFor('the credentials to be gone', () => credentialRows(salon.companyId) === 0);
    expect(await statusForAdmin()).toMatchObject({
      integration_status: 'uninstalled',
      whatsapp_connected: false,
      session_state: 'logged_out',
    });
    expect(await fetchStats(stack)).toMatchObject({ connected: 1, by_status: { uninstalled: 1, active: 1 } });

    expect(await post(salon.webhookUrl, 880_002, 'Поздно.')).toBe(200);
    await waitForOutcome('uninstalled');
    const withOldToken = await sendRequest(`${stack.url}/marketplace/qr`, {
      headers: { authorization: `Bearer ${salon.token}` },
    });
    expect(withOldToken.status).toBe(401);
  });

  it('uninstall: is idempotent', async () => {
    const before = await fetchStats(stack);
    const body = {
      salon_id: salon.salonId,
      application_id: stack.yclients.credentials.applicationId,
      event: 'uninstall',
      partner_token: stack.yclients.credentials.partnerToken,
    };
    expect((await sendRequest(`${stack.url}/marketplace/callback`, { body })).status).toBe(200);
    expect(await fetchStats(stack)).toEqual(before);
  });

  it('uninstall: does not affect another salon, also after a restart', async () => {
    expect(credentialRows(other.companyId)).toBeGreaterThan(0);
    await stack.server.stop();
    await stack.server.start();
    await waitFor(
      'the session',
      async () => (await fetchStatus(stack.url, other.token)).whatsapp_connected,
      15_000,
    );
    visit(other, 'Соседка.');
    expect((await waitForMessage('Соседка.')).from).toBe(other.owner.number);
    expect(client.inbox.filter(({ text }) => text.includes('Поздно.'))).toHaveLength(0);
    expect(await statusForAdmin()).toMatchObject({ integration_status: 'uninstalled' });
  });

  it('allow the application to be installed and linked again', async () => {
    const again = await linkSalon(stack, { number: salon.owner.number });
    expect(again.companyId).toBe(salon.companyId);
    expect(again.owner.linkedDevices).toHaveLength(1);
    visit(again, 'Возвращение.');
    expect((await waitForMessage('Возвращение.')).from).toBe(salon.owner.number);
    expect(client.inbox.filter(({ text }) => /Поздно/.test(text))).toHaveLength(0);
  });

  it('send session states only to the pages of that company', async () => {
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(neighbour.id));
    using page = new ConnectPageClient(stack.url, token);
    await waitFor('the state on the page', () => page.states.includes('connected'));
    salon.owner.drop();
    await waitFor(
      'the session to come back',
      async () => {
        const { connected } = await fetchStats(stack);
        return connected === 2;
      },
      15_000,
    );
    expect(page.states).toEqual(['connected']);
  });
});
