import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { BookingInput } from '../../../../dev-env/simulators/yclients/record.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const salons = {
  moscow: { salonId: 510_001, number: '79001112233' },
  vladivostok: { salonId: 510_002, number: '79001112244' },
  newYork: { salonId: 510_003, number: '79001112255' },
} as const;

const anna = { name: 'Анна', phone: '8 (900) 444-55-66' } as const;

describe('messages caused by webhooks', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let client: SimulatedPhone;
  let moscow: LinkedSalon;
  let vladivostok: LinkedSalon;
  let newYork: LinkedSalon;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    stack.yclients.addSalon({
      id: salons.vladivostok.salonId,
      title: 'Барбершоп «Причал»',
      timeZone: 'Asia/Vladivostok',
    });
    stack.yclients.addSalon({
      id: salons.newYork.salonId,
      title: 'Клиника «Берег»',
      timeZone: 'America/New_York',
    });
    client = stack.whatsapp.phone(clientNumber);
    moscow = await linkSalon(stack, salons.moscow);
    vladivostok = await linkSalon(stack, salons.vladivostok);
    newYork = await linkSalon(stack, salons.newYork);
  });
  afterAll(() => scope.disposeAsync());

  const book = (salon: LinkedSalon, input: Partial<BookingInput>) =>
    stack.yclients.book(salon.salonId, {
      client: anna,
      service: 'Стрижка',
      staff: 'Марина',
      start: dateInDays(2, '14:30:00'),
      ...input,
    });
  const messagesWith = (word: string) => client.inbox.filter(({ text }) => text.includes(word));
  const waitForMessage = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 15_000);

  /** Waits for a message of a new booking, which comes after all earlier messages of the salon. */
  const waitUntilDrained = async (salon: LinkedSalon): Promise<void> => {
    await stack.yclients.waitForWebhooks();
    const accepted = () => new Set(logLines(stack, 'Webhooks accepted').flatMap(({ jobIds }) => jobIds));
    const processed = () => new Set(logLines(stack, 'Webhook processed').map(({ jobId }) => jobId));
    await waitFor('every webhook to be processed', () => accepted().isSubsetOf(processed()), 20_000);
    const word = `Черта-${performance.now()}.`;
    book(salon, { staff: word });
    await waitForMessage(word);
  };

  it.each([
    ['Europe/Moscow', () => moscow, '23:45:00'],
    ['Asia/Vladivostok', () => vladivostok, '00:15:00'],
    ['America/New_York', () => newYork, '00:15:00'],
  ] as const)('show local date and time in %s', async (zone, getSalon, time) => {
    const start = dateInDays(3, time);
    const staff = `Часы ${zone}.`;
    book(getSalon(), { staff, start });
    const { text, from } = await waitForMessage(staff);
    const day = new Date(`${start.slice(0, 10)}T12:00:00Z`);
    const date = new Intl.DateTimeFormat('ru', { day: 'numeric', month: 'long', timeZone: 'UTC' }).format(
      day,
    );
    const weekday = new Intl.DateTimeFormat('ru', { weekday: 'long', timeZone: 'UTC' }).format(day);
    expect(text).toContain(`Когда: ${weekday}, ${date}, ${time.slice(0, 5)}`);
    expect(text).toContain('Здравствуйте, Анна!');
    expect(from).toBe(getSalon().owner.number);
  });

  it("compare the start with the salon's clock, not the server's", async () => {
    const local = (zone: string, hours: number) =>
      DateTime.now().setZone(zone).plus({ hours }).toFormat('yyyy-MM-dd HH:mm:ss');
    book(newYork, { staff: 'Скоро.', start: local('America/New_York', 1) });
    book(vladivostok, { staff: 'Прошло.', start: local('Asia/Vladivostok', -1) });
    await waitForMessage('Скоро.');
    await waitUntilDrained(vladivostok);
    expect(messagesWith('Прошло.')).toHaveLength(0);
  });

  it('ignore a wrong offset and accept boolean flags', async () => {
    stack.yclients.configureWebhooks({ datetimeOffset: '-11:00', flags: 'bool' });
    book(moscow, { staff: 'Смещение.', start: dateInDays(2, '09:05:00') });
    expect((await waitForMessage('Смещение.')).text).toContain(', 09:05');
    stack.yclients.restore();
  });

  it('announce changes of start, staff and services only', async () => {
    const record = book(moscow, { staff: 'Вера.' });
    await waitForMessage('Вера.');
    stack.yclients.change(record.id, { comment: 'Просит чай' });
    stack.yclients.markAttendance(record.id, 2);
    await waitUntilDrained(moscow);
    expect(messagesWith('Вера.')).toHaveLength(1);

    stack.yclients.change(record.id, { start: dateInDays(4, '16:00:00') });
    await client.waitForMessage(
      ({ text }) => text.includes('изменена') && text.includes('Вера.') && text.includes(', 16:00'),
      15_000,
    );
    stack.yclients.change(record.id, { service: ['Окрашивание', 'Маникюр'] });
    await client.waitForMessage(
      ({ text }) => text.includes('Вера.') && text.includes('Услуги: Окрашивание, Маникюр'),
      15_000,
    );
    stack.yclients.change(record.id, { staff: 'Глория.' });
    expect((await waitForMessage('Глория.')).text).toContain('изменена');
  });

  it.each([
    ['a deletion', false],
    ['a deletion without data', true],
  ])('announce %s once', async (what, emptyDeleteData) => {
    stack.yclients.configureWebhooks({ emptyDeleteData });
    const staff = `Отмена: ${what}.`;
    const record = book(moscow, { staff });
    await waitForMessage(staff);
    stack.yclients.cancel(record.id);
    await client.waitForMessage(({ text }) => text.includes('отменена') && text.includes(staff), 15_000);
    stack.yclients.restore();
    stack.yclients.markAttendance(record.id, -1);
    await waitUntilDrained(moscow);
    expect(messagesWith(staff)).toHaveLength(2);
  });

  it('announce a cancellation for an update with `deleted`', async () => {
    const record = book(moscow, { staff: 'Снята.' });
    await waitForMessage('Снята.');
    record.cancel(Date.now());
    stack.yclients.markAttendance(record.id, 0);
    await client.waitForMessage(({ text }) => text.includes('отменена') && text.includes('Снята.'), 15_000);
    await waitUntilDrained(moscow);
    expect(messagesWith('Снята.')).toHaveLength(2);
  });

  it('are not sent for a booking without phone, which is logged', async () => {
    const { id } = book(moscow, { client: null, staff: 'Аноним.' });
    await waitUntilDrained(moscow);
    expect(logLines(stack, 'Webhook processed')).toContainEqual(
      expect.objectContaining({ recordId: id, outcome: 'no_client_phone' }),
    );
    expect(messagesWith('Аноним.')).toHaveLength(0);
  });

  it('are sent once for a webhook delivered a hundred times concurrently', async () => {
    stack.yclients.configureWebhooks({ copies: 0 });
    const record = book(moscow, { staff: 'Сотня.' });
    const data = record.body({ flags: 'int' });
    const body = {
      company_id: moscow.salonId,
      resource: 'record',
      resource_id: record.id,
      status: 'create',
      data,
    };
    const responses = await Promise.all(
      Array.from({ length: 100 }, () => sendRequest(moscow.webhookUrl, { body })),
    );
    stack.yclients.restore();
    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    await waitForMessage('Сотня.');
    await waitUntilDrained(moscow);
    expect(messagesWith('Сотня.')).toHaveLength(1);
  });

  it('wait while WhatsApp is unavailable and are then sent once', async () => {
    stack.whatsapp.refuseUpgrades(503);
    moscow.owner.drop();
    const statusUrl = `${stack.url}/marketplace/status/${moscow.companyId}`;
    const headers = { authorization: `Bearer ${moscow.token}` };
    const isConnected = async (): Promise<boolean> => {
      const status = (await (await sendRequest(statusUrl, { headers })).json()) as {
        whatsapp_connected: boolean;
      };
      return status.whatsapp_connected;
    };
    await waitFor('the session to be lost', async () => !(await isConnected()));
    book(moscow, { staff: 'Пауза.' });
    await stack.yclients.waitForWebhooks();
    expect(messagesWith('Пауза.')).toHaveLength(0);
    stack.whatsapp.refuseUpgrades(undefined);
    await client.waitForMessage(({ text }) => text.includes('Пауза.'), 25_000);
    await waitUntilDrained(moscow);
    expect(messagesWith('Пауза.')).toHaveLength(1);
  }, 60_000);

  it('direct: go from queued to read, once per idempotency key', async () => {
    const send = async (text: string) => {
      const response = await sendRequest(`${stack.url}/marketplace/messages`, {
        headers: { 'x-api-key': moscow.apiKey, 'idempotency-key': 'visit-17' },
        body: { phone: '8 900 444-55-66', text },
      });
      expect(response.status).toBe(202);
      return (await response.json()) as { id: string; status: string };
    };
    const fetchMessage = async (id: string) => {
      const response = await sendRequest(`${stack.url}/marketplace/messages/${id}`, {
        headers: { 'x-api-key': moscow.apiKey },
      });
      return (await response.json()) as { status: string; phone: string; attempts: number };
    };
    client.automaticReceipts.delivered = false;
    stack.whatsapp.freeze(moscow.owner);
    const { id, status } = await send('Ваш мастер заболел.');
    expect(status).toBe('queued');
    stack.whatsapp.unfreeze(moscow.owner);

    await waitFor('sent', async () => (await fetchMessage(id)).status === 'sent', 20_000);
    client.automaticReceipts.delivered = true;
    const { id: whatsappId } = await waitForMessage('Ваш мастер заболел.');
    expect(await send('Ваш мастер заболел.')).toMatchObject({ id, status: 'sent' });
    client.markRead(whatsappId);
    await waitFor('read', async () => (await fetchMessage(id)).status === 'read');
    expect(await fetchMessage(id)).toMatchObject({ status: 'read', attempts: 1, phone: '+7900***5566' });
    const metrics = await (await fetch(`${stack.url}/metrics`)).text();
    expect(metrics).toContain('marketplace_messages_total{kind="direct",status="read"} 1');
    await waitUntilDrained(moscow);
    expect(messagesWith('Ваш мастер заболел.')).toHaveLength(1);
  }, 60_000);

  it('direct: become delivered and are visible to their company only', async () => {
    const response = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': moscow.apiKey, 'idempotency-key': 'visit-18' },
      body: { phone: '+79004445566', text: 'Ждём вас.' },
    });
    const { id } = (await response.json()) as { id: string };
    await waitFor('delivered', async () => {
      const message = await sendRequest(`${stack.url}/marketplace/messages/${id}`, {
        headers: { 'x-api-key': moscow.apiKey },
      });
      return ((await message.json()) as { status: string }).status === 'delivered';
    });
    const foreign = await sendRequest(`${stack.url}/marketplace/messages/${id}`, {
      headers: { 'x-api-key': vladivostok.apiKey },
    });
    expect(foreign.status).toBe(404);
  });
});

/** Log lines with this message. */
function logLines({ server }: Stack, message: string): Record<string, unknown>[] {
  return server.output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['message'] === message);
}
