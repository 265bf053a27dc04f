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
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const newOwner = { user_id: 999, name: 'Ева', email: 'eva@example.com', phone: '79009998877' };

describe('recovery from missed events and interruptions', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let client: SimulatedPhone;
  let lastSalonId = 560_000;
  let lastNumber = 79_006_660_000;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    client = stack.whatsapp.phone(clientNumber);
  });
  afterEach(() => stack.yclients.restore());
  afterAll(() => scope.disposeAsync());

  const newSalon = (): number => {
    lastSalonId += 1;
    stack.yclients.addSalon({ id: lastSalonId, title: `Салон ${lastSalonId}`, timeZone: 'Europe/Moscow' });
    return lastSalonId;
  };
  const newNumber = (): string => {
    lastNumber += 1;
    return String(lastNumber);
  };
  const link = (): Promise<LinkedSalon> => linkSalon(stack, { salonId: newSalon(), number: newNumber() });
  const waitForMessage = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 15_000);
  const book = (salonId: number, staff: string) =>
    stack.yclients.book(salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff,
      start: dateInDays(2, '14:30:00'),
    });
  /** Uninstalls without sending the lifecycle webhook. */
  const uninstallWithoutWebhook = (salonId: number): void =>
    stack.yclients.salon(salonId).uninstall(Date.now());

  it('applies STOP and START that were sent while the server was down', async () => {
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

  it('reactivates a salon that reconnects after a missed uninstall webhook', async () => {
    const salon = await link();
    uninstallWithoutWebhook(salon.salonId);
    expect(await fetchStatus(stack.url, salon.token)).toMatchObject({ integration_status: 'active' });

    const [token = ''] = await openRegistration(stack.yclients.pressConnect(salon.salonId));
    await waitUntilActive(stack, token);
    await waitFor(
      'the installation to be active in YCLIENTS',
      () => stack.yclients.salon(salon.salonId).status === 'active',
    );
    expect(salon.owner.linkedDevices).toHaveLength(1);
    book(salon.salonId, 'Снова.');
    await waitForMessage('Снова.');
  });

  it('pairs a salon again that was uninstalled and unlinked without a webhook', async () => {
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

  it('runs a pending activation at once when the owner returns', async () => {
    const salonId = newSalon();
    stack.yclients.refuse('POST /marketplace/partner/callback', 500);
    const [first = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    using page = new ConnectPageClient(stack.url, first);
    await stack.whatsapp.phone(newNumber()).scan((await page.requestQr()).text);
    const attempts = () =>
      stack.yclients.requests.filter(({ path }) => path.endsWith('/partner/callback')).length;
    const before = attempts();
    // The back-off after the third attempt is at least 15 s.
    await waitFor('some attempts', () => attempts() >= before + 3, 60_000);
    stack.yclients.restore();
    const [second = ''] = await openRegistration(stack.yclients.pressConnect(salonId));
    await waitUntilActive(stack, second, 5_000);
    expect(stack.yclients.salon(salonId).status).toBe('active');
  }, 90_000);

  it('gives the next owner of a salon no access to the session of the previous one', async () => {
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
    const oldKeyResponse = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': salon.apiKey, 'idempotency-key': 'old-key-1' },
      body: { phone: '+79004445566', text: 'Чужое.' },
    });
    expect(oldKeyResponse.status).toBe(401);
    expect((await sendRequest(salon.webhookUrl, { body: {} })).status).toBe(401);

    await stack.whatsapp.phone(newNumber()).scan(text);
    await waitUntilActive(stack, token);
    const { apiKey, webhookUrls } = stack.yclients.salon(salon.salonId).activation;
    expect(apiKey).not.toBe(salon.apiKey);
    expect(webhookUrls[0]).not.toBe(salon.webhookUrl);
    expect(oldPage.codes).toEqual([]);
    book(salon.salonId, 'Преемница.');
    await waitForMessage('Преемница.');
  });

  it('notifies the client of both moves when an undated booking is moved and moved back', async () => {
    const salon = await link();
    const record = book(salon.salonId, 'Маятник.');
    await waitForMessage('Маятник.');
    const template = record.body({ flags: 'int' });
    const post = async (time: string): Promise<void> => {
      const { last_change_date: _dropped, ...data } = { ...template, date: dateInDays(2, time) };
      const event = { company_id: salon.salonId, resource: 'record', resource_id: record.id };
      const response = await sendRequest(salon.webhookUrl, { body: { ...event, status: 'update', data } });
      expect(response.status).toBe(200);
    };
    await post('16:00:00');
    await client.waitForMessage(({ text }) => text.includes('Маятник.') && text.includes(', 16:00'), 15_000);
    await post('14:30:00');
    await client.waitForMessage(
      ({ text }) => text.includes('изменена') && text.includes('Маятник.') && text.includes(', 14:30'),
      15_000,
    );
  });

  it('confirms a booking once, in its current state, when its creation arrives late', async () => {
    const salon = await link();
    stack.yclients.reverseNextWebhooks(2);
    const record = book(salon.salonId, 'Обгон.');
    stack.yclients.change(record.id, { start: dateInDays(3, '18:00:00') });
    const { text } = await waitForMessage('Обгон.');
    expect(text).toContain(', 18:00');
    expect(text).not.toContain('изменена');
    book(salon.salonId, 'Черта.');
    await waitForMessage('Черта.');
    expect(client.inbox.filter((message) => message.text.includes('Обгон.'))).toHaveLength(1);
  });

  it('reports logged_out after a crash between erasing credentials and recording it', async () => {
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
