import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  dateInDays,
  linkSalon,
  type LinkedSalon,
  waitUntilActive,
} from '../../../../dev-env/clients/linked-salon.ts';
import {
  sendRequest,
  ConnectPageClient,
  openRegistration,
  fetchStatus,
} from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';

const newOwner = { user_id: 999, name: 'Ева', email: 'eva@example.com', phone: '79009998877' };

describe('what was missed or interrupted is made good', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let client: SimulatedPhone;
  let salons = 560_000;
  let phones = 79_006_660_000;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    client = stack.whatsapp.phone(clientNumber);
  });
  afterEach(() => stack.yclients.restore());
  afterAll(() => scope.disposeAsync());

  const newSalon = (): number => {
    salons += 1;
    stack.yclients.addSalon({ id: salons, title: `Салон ${salons}`, timeZone: 'Europe/Moscow' });
    return salons;
  };
  const newNumber = (): string => {
    phones += 1;
    return String(phones);
  };
  const link = (): Promise<LinkedSalon> => linkSalon(stack, { salonId: newSalon(), number: newNumber() });
  const arrived = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 15_000);
  const visit = (salonId: number, staff: string) =>
    stack.yclients.book(salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff,
      start: dateInDays(2, '14:30:00'),
    });
  /** The hook of an uninstallation that never arrives. */
  const uninstallWithoutWebhook = (salonId: number): void =>
    stack.yclients.salon(salonId).uninstall(Date.now());

  it('STOP and START that clients wrote while the server was down are heard at its next start', async () => {
    const salon = await link();
    const settingsUrl = `${stack.url}/marketplace/settings/${salon.companyId}/opt-outs`;
    const optOuts = async (): Promise<number> => {
      const response = await sendRequest(settingsUrl, {
        headers: { authorization: `Bearer ${salon.token}` },
      });
      return ((await response.json()) as { opt_outs: unknown[] }).opt_outs.length;
    };
    for (const [text, count] of [
      ['СТОП', 1],
      ['СТАРТ', 0],
    ] as const) {
      await stack.server.stop();
      await client.sendText(salon.owner.number, text);
      await stack.server.start();
      await waitFor(text, async () => (await optOuts()) === count, 20_000);
    }
    expect(await optOuts()).toBe(0);
  }, 60_000);

  it('an owner who reconnects after an uninstallation nobody told us of has a working integration again', async () => {
    const salon = await link();
    uninstallWithoutWebhook(salon.salonId);
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ integration_status: 'active' });

    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salon.salonId));
    await waitUntilActive(stack, token);
    await waitFor('the platform to agree', () => stack.yclients.salon(salon.salonId).status === 'active');
    expect(salon.owner.linkedDevices).toHaveLength(1);
    visit(salon.salonId, 'Снова.');
    await arrived('Снова.');
  });

  it('asks for the WhatsApp of such an owner when it is gone as well', async () => {
    const salon = await link();
    uninstallWithoutWebhook(salon.salonId);
    salon.owner.removeDevice(salon.owner.linkedDevices[0] ?? 0);
    await waitFor(
      'the logout',
      async () => (await fetchStatus(stack.url, salon.token)).session_state === 'logged_out',
    );
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salon.salonId));
    expect(await fetchStatus(stack.url, token)).toMatchObject({ integration_status: 'activating' });
    using page = new ConnectPageClient(stack.url, token);
    await salon.owner.scan((await page.requestQr()).text);
    await waitUntilActive(stack, token);
    expect(stack.yclients.salon(salon.salonId).status).toBe('active');
  });

  it('an owner who comes back hurries an activation that waits for its next attempt', async () => {
    const salonId = newSalon();
    stack.yclients.refuse('POST /marketplace/partner/callback', 500);
    const [first = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    using page = new ConnectPageClient(stack.url, first);
    await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
    const attempts = () =>
      stack.yclients.requests.filter(({ path }) => path.endsWith('/partner/callback')).length;
    const before = attempts();
    // The third attempt is followed by 15 seconds of waiting at the least.
    await waitFor('some attempts', () => attempts() >= before + 3, 60_000);
    stack.yclients.restore();
    const [second = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    await waitUntilActive(stack, second, 5_000);
    expect(stack.yclients.salon(salonId).status).toBe('active');
  }, 90_000);

  it('gives the next owner of a salon nothing of the last one', async () => {
    const salon = await link();
    using oldPage = new ConnectPageClient(stack.url, salon.token);
    await waitFor('the old page', () => oldPage.states.includes('connected'));
    await stack.yclients.uninstall(salon.salonId);
    await waitFor('the device to be unlinked', () => salon.owner.linkedDevices.length === 0);

    const [token = ''] = await openRegistration(
      stack.yclients.pressConnect(salon.salonId, { userData: newOwner }),
    );
    expect(await fetchStatus(stack.url, token)).toMatchObject({
      integration_status: 'pending_whatsapp',
      session_state: 'idle',
      whatsapp_phone: null,
    });
    using page = new ConnectPageClient(stack.url, token);
    const { text } = await page.requestQr();
    expect(await fetchStatus(stack.url, token)).toMatchObject({
      session_state: 'pairing',
      whatsapp_phone: null,
    });
    const withOldKey = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': salon.apiKey, 'idempotency-key': 'old-key-1' },
      body: { phone: '+79004445566', text: 'Чужое.' },
    });
    expect(withOldKey.status).toBe(401);
    expect((await sendRequest(salon.webhookUrl, { body: {} })).status).toBe(401);

    await stack.whatsapp.phone(newNumber()).scan(text);
    await waitUntilActive(stack, token);
    const { apiKey, webhookUrls } = stack.yclients.salon(salon.salonId).activation;
    expect(apiKey).not.toBe(salon.apiKey);
    expect(webhookUrls[0]).not.toBe(salon.webhookUrl);
    expect(oldPage.codes).toEqual([]);
    visit(salon.salonId, 'Преемница.');
    await arrived('Преемница.');
  });

  it('tells a client back that an undated booking was moved away and back', async () => {
    const salon = await link();
    const record = visit(salon.salonId, 'Маятник.');
    await arrived('Маятник.');
    const template = record.body({ flags: 'int' });
    const post = async (time: string): Promise<void> => {
      const { last_change_date: _dropped, ...data } = { ...template, date: dateInDays(2, time) };
      const event = { company_id: salon.salonId, resource: 'record', resource_id: record.id };
      const answer = await sendRequest(salon.webhookUrl, { body: { ...event, status: 'update', data } });
      expect(answer.status).toBe(200);
    };
    await post('16:00:00');
    await client.waitForMessage(({ text }) => text.includes('Маятник.') && text.includes(', 16:00'), 15_000);
    await post('14:30:00');
    await client.waitForMessage(
      ({ text }) => text.includes('изменена') && text.includes('Маятник.') && text.includes(', 14:30'),
      15_000,
    );
  });

  it('confirms a booking once, as it is by now, when its creation arrives after its change', async () => {
    const salon = await link();
    stack.yclients.reverseNextWebhooks(2);
    const record = visit(salon.salonId, 'Обгон.');
    stack.yclients.change(record.id, { start: dateInDays(3, '18:00:00') });
    const { text } = await arrived('Обгон.');
    expect(text).toContain(', 18:00');
    expect(text).not.toContain('изменена');
    visit(salon.salonId, 'Черта.');
    await arrived('Черта.');
    expect(client.inbox.filter((message) => message.text.includes('Обгон.'))).toHaveLength(1);
  });

  it('says logged out after a crash between the loss of the credentials and its record', async () => {
    const salon = await link();
    await stack.server.kill();
    using database = new DatabaseSync(join(stack.directory, 'sessions', 'credentials.sqlite'));
    database.prepare('delete from credentials where company_id = ?').run(salon.companyId);
    database.close();
    await stack.server.start();
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({
      session_state: 'logged_out',
      whatsapp_connected: false,
    });
  }, 60_000);
});
