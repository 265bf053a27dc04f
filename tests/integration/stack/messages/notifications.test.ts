import { DateTime } from 'luxon';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  changeSettings,
  dateInDays,
  linkSalon,
  type LinkedSalon,
} from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest, withoutIdsAndTimes } from '../../../../dev-env/clients/test-clients.ts';
import {
  adminApiKey,
  clientNumber,
  ownerNumber,
  startStack,
  type Stack,
} from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { BookingInput, SimulatedRecord } from '../../../../dev-env/simulators/yclients/record.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

type HistoryEvent = Readonly<{ type: string; cause: string; detail: Readonly<Record<string, unknown>> }>;

describe('notifications and replies', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salon: LinkedSalon;
  let client: SimulatedPhone;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(
      await startStack({
        useDatabaseTemplate: true,
        environment: { TRUST_PROXY: '1', NOTIFY_DEBOUNCE_SECONDS: '2' },
      }),
    );
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const book = (input: Partial<BookingInput> = {}): SimulatedRecord =>
    stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Марина',
      start: dateInDays(2, '14:30:00'),
      ...input,
    });
  const inLocalHours = (hours: number): string =>
    DateTime.now().setZone('Europe/Moscow').plus({ hours }).toFormat('yyyy-MM-dd HH:mm:ss');
  const messagesWith = (word: string) => client.inbox.filter(({ text }) => text.includes(word));
  const waitForMessage = (word: string, timeoutMs = 15_000) =>
    client.waitForMessage(({ text }) => text.includes(word), timeoutMs);

  const eventsOfRecord = async (recordId: number): Promise<HistoryEvent[]> => {
    const response = await sendRequest(`${stack.url}/marketplace/bookings/${recordId}/events`, {
      headers: { 'x-api-key': salon.apiKey },
    });
    expect(response.status).toBe(200);
    return ((await response.json()) as { events: HistoryEvent[] }).events;
  };
  const waitForEvent = (recordId: number, type: string) =>
    waitFor(`${type} of ${recordId}`, async () =>
      (await eventsOfRecord(recordId)).find((event) => event.type === type),
    );

  it('record the events of a booking from the webhook to the read receipt', async () => {
    const record = book({ staff: 'Следы.' });
    const { id } = await waitForMessage('Следы.');
    await waitForEvent(record.id, 'message_delivered');
    client.markRead(id);
    await waitForEvent(record.id, 'message_read');
    const history = await eventsOfRecord(record.id);
    // The reconciliation after the activation may find the record before its webhook arrives.
    const received = history.find(({ detail }) => detail['outcome'] === 'confirmation');
    expect(received).toMatchObject({ type: 'webhook_processed' });
    const confirmation = history.filter(({ detail }) => detail['kind'] === 'confirmation');
    expect(confirmation.map(({ type }) => type)).toEqual([
      'message_queued',
      'message_sending',
      'message_sent',
      'message_delivered',
      'message_read',
    ]);
    expect(confirmation[0]?.cause).toBe(received?.cause);
    expect(received?.cause).toMatch(/^webhook:[0-9a-f-]{36}$/);
    expect(withoutIdsAndTimes(history)).not.toMatch(/900|Анна|Следы/);
  });

  it('combine a burst of changes into one message with the first and last time', async () => {
    const record = book({ staff: 'Порыв.', start: dateInDays(2, '10:00:00') });
    await waitForMessage('Порыв.');
    for (const hour of ['11', '12', '13'])
      stack.yclients.change(record.id, { start: dateInDays(2, `${hour}:00:00`) });
    await waitFor('the change', () => messagesWith('Порыв.').length > 1);
    book({ staff: 'Черта.' });
    await waitForMessage('Черта.');
    const [, change, ...others] = messagesWith('Порыв.');
    expect(others).toEqual([]);
    expect(change?.text).toMatch(/Было: .*, 10:00\nТеперь: .*, 13:00/);
  });

  it('withdraw a change when the booking moves back before it is sent', async () => {
    const record = book({ staff: 'Маятник.', start: dateInDays(2, '10:00:00') });
    await waitForMessage('Маятник.');
    stack.yclients.change(record.id, { start: dateInDays(2, '18:00:00') });
    await waitForEvent(record.id, 'message_withdrawn').catch(() => undefined);
    stack.yclients.change(record.id, { start: dateInDays(2, '10:00:00') });
    await waitFor('the change to be withdrawn', async () =>
      (await eventsOfRecord(record.id)).some(
        ({ type, detail }) => type === 'message_withdrawn' && detail['kind'] === 'change',
      ),
    );
    expect(messagesWith('Маятник.')).toHaveLength(1);
  }, 30_000);

  it("use the salon's own templates and omit kinds switched off", async () => {
    await changeSettings(stack, salon.token, {
      templates: { confirmation: 'Ждём вас, {client}! {time}, {staff}' },
      enabled: { ...(await enabledKinds()), cancellation: false },
    });
    const record = book({ staff: 'Свои слова.', start: dateInDays(2, '14:30:00') });
    expect((await waitForMessage('Свои слова.')).text).toBe('Ждём вас, Анна! 14:30, Свои слова.');
    stack.yclients.cancel(record.id);
    await waitFor('the cancellation to be processed', async () =>
      (await eventsOfRecord(record.id)).some(({ detail }) => detail['outcome'] === 'switched_off'),
    );
    expect(messagesWith('Свои слова')).toHaveLength(1);
    await changeSettings(stack, salon.token, {
      templates: {},
      enabled: { ...(await enabledKinds()), cancellation: true },
    });
  });

  it('name the unknown variable of a rejected template', async () => {
    await expect(
      changeSettings(stack, salon.token, { templates: { change: 'Теперь в {tme}' } }),
    ).rejects.toThrow(/400: .*\{tme\}/);
  });

  it('wait for the end of quiet hours, except the confirmation of an online booking', async () => {
    const now = DateTime.now().setZone('Europe/Moscow');
    const quiet = {
      from: now.minus({ minutes: 5 }).toFormat('HH:mm'),
      to: now.plus({ minutes: 30 }).toFormat('HH:mm'),
    };
    await changeSettings(stack, salon.token, { quiet_hours: quiet });
    const held = book({ staff: 'Утром.', online: false });
    book({ staff: 'Сразу.', online: true });
    await waitForMessage('Сразу.');
    expect(await waitForEvent(held.id, 'message_queued')).toBeDefined();
    expect(messagesWith('Утром.')).toHaveLength(0);
    await changeSettings(stack, salon.token, { quiet_hours: null });
    await waitForMessage('Утром.');
  });

  it('write a confirmation back to YCLIENTS and ignore the resulting webhook', async () => {
    const record = await remindedBooking('Ответ да.');
    await client.sendText(ownerNumber, '1');
    await waitForEvent(record.id, 'visit_confirmed_by_client');
    const attendance = () => stack.yclients.record(record.id).restBody().attendance;
    await waitFor('the mark in the record', () => attendance() === 2);
    await client.waitForMessage(({ text }) => text.includes('визит подтверждён'), 10_000);
    await stack.yclients.waitForWebhooks();
    await client.sendText(ownerNumber, 'Да!');
    await waitFor(
      'the second answer',
      async () =>
        (await eventsOfRecord(record.id)).filter(({ type }) => type === 'visit_confirmed_by_client')
          .length === 2,
    );
    expect(messagesWith('Ответ да.')).toHaveLength(2);
    expect(messagesWith('визит подтверждён')).toHaveLength(1);
    stack.yclients.cancel(record.id);
    await waitFor('the cancellation', () => messagesWith('Ответ да.').length === 3);
  }, 40_000);

  it('write a cancellation request into the record without cancelling it', async () => {
    const record = await remindedBooking('Ответ нет.');
    await client.sendText(ownerNumber, '0');
    await waitForEvent(record.id, 'cancellation_asked_by_client');
    const currentRecord = () => stack.yclients.record(record.id).restBody();
    await waitFor('the note', () => currentRecord().comment.includes('Клиент просит отменить визит'));
    expect(currentRecord().deleted).toBe(false);
    stack.yclients.cancel(record.id);
    await waitFor('the cancellation', () => messagesWith('Ответ нет.').length === 3);
  }, 40_000);

  it('record an answer without the right to edit records', async () => {
    const record = await remindedBooking('Без права.');
    stack.yclients.salon(salon.salonId).mayEditRecords = false;
    await client.sendText(ownerNumber, 'да');
    await waitForEvent(record.id, 'write_back_refused');
    await waitForEvent(record.id, 'visit_confirmed_by_client');
    stack.yclients.salon(salon.salonId).mayEditRecords = true;
    stack.yclients.cancel(record.id);
    await waitFor('the cancellation', () => messagesWith('Без права.').length === 3);
    expect(stack.yclients.record(record.id).restBody().attendance).toBe(0);
  }, 40_000);

  it('send only cancellations between STOP and START, also after a restart', async () => {
    const record = book({ staff: 'Тишина.' });
    await waitForMessage('Тишина.');
    const before = client.inbox.length;
    await client.sendText(ownerNumber, 'СТОП');
    await waitFor('the opt-out', async () => (await optOuts()).length === 1);
    expect(await optOuts()).toEqual([{ phone: '+7900***5566', since: expect.any(String) as unknown }]);
    await stack.server.stop();
    await stack.server.start();

    const rejected = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': salon.apiKey, 'idempotency-key': 'after-stop' },
      body: { phone: '+79004445566', text: 'Акция' },
    });
    expect([rejected.status, ((await rejected.json()) as { code: string }).code]).toEqual([403, 'FORBIDDEN']);
    const unannounced = book({ staff: 'Новая.' });
    await waitFor(
      'the booking to be processed',
      async () => (await eventsOfRecord(unannounced.id)).length > 0,
    );
    stack.yclients.cancel(record.id);
    await client.waitForMessage(({ text }) => text.includes('отменена') && text.includes('Тишина.'), 20_000);
    expect(client.inbox).toHaveLength(before + 1);

    await client.sendText(ownerNumber, 'старт');
    await client.waitForMessage(({ text }) => text.includes('о ваших записях включены'), 15_000);
    await waitForMessage('Новая.');
    expect(await optOuts()).toEqual([]);
  }, 60_000);

  it('dead-letter webhooks of unknown shape, which can be replayed', async () => {
    const malformed = [
      { company_id: salon.salonId, resource: 7, resource_id: 1, status: 'create', data: {} },
      { company_id: salon.salonId, resource: 'teleport', resource_id: 1, status: 'create', data: {} },
      { company_id: salon.salonId, resource: 'record', resource_id: 1, status: 'explode', data: [] },
      [1, 2, 3],
    ];
    for (const body of malformed) expect((await sendRequest(salon.webhookUrl, { body })).status).toBe(200);
    const listed = await waitFor('the dead letters', async () => {
      const all = await deadLetters();
      return all.length >= malformed.length ? all : undefined;
    });
    expect(listed.map(({ reason }) => reason.message).sort()).toEqual([
      'unknown_event',
      'unknown_resource',
      'unknown_shape',
      'unknown_shape',
    ]);
    const [{ id } = { id: '' }] = listed;
    expect((await replay(id)).status).toBe(202);
    expect((await replay(id)).status).toBe(404);
    await waitFor(
      'the replayed job to be dead-lettered again',
      async () => (await deadLetters()).length === malformed.length,
    );
  }, 30_000);

  /** A booking in 30 hours whose 24-hour reminder has been sent. */
  async function remindedBooking(staff: string): Promise<SimulatedRecord> {
    const record = book({ staff, start: inLocalHours(30) });
    await waitForMessage(staff);
    // The embedded database admits one process, so the server is stopped to change the due time.
    await stack.server.stop();
    await remindNow(record.id);
    await stack.server.start();
    await waitFor('the reminder', () => messagesWith(staff).length === 2, 20_000);
    return record;
  }

  /** Makes the 24-hour reminder due now. */
  async function remindNow(recordId: number): Promise<void> {
    const { PgliteDatabase } = await import('../../../../src/storage/database/pglite.ts');
    await using database = await PgliteDatabase.open({
      directory: `${stack.directory}/data/pg`,
      onError: (error) => {
        throw error;
      },
      now: () => new Date(),
    });
    await database.transaction((session) =>
      session.query(
        `update messages set not_before = now(), due_at = now() where record_id = $1 and kind = 'reminder_24h'`,
        [recordId],
      ),
    );
  }

  async function enabledKinds(): Promise<Record<string, boolean>> {
    const response = await sendRequest(`${stack.url}/marketplace/settings/${salon.companyId}`, {
      headers: { authorization: `Bearer ${salon.token}` },
    });
    return ((await response.json()) as { settings: { enabled: Record<string, boolean> } }).settings.enabled;
  }

  async function optOuts(): Promise<unknown[]> {
    const response = await sendRequest(`${stack.url}/marketplace/settings/${salon.companyId}/opt-outs`, {
      headers: { authorization: `Bearer ${salon.token}` },
    });
    return ((await response.json()) as { opt_outs: unknown[] }).opt_outs;
  }

  async function deadLetters(): Promise<{ id: string; reason: { message: string } }[]> {
    const response = await sendRequest(`${stack.url}/marketplace/dead-letters?queue=webhooks`, {
      headers: { 'x-api-key': adminApiKey },
    });
    return ((await response.json()) as { dead_letters: { id: string; reason: { message: string } }[] })
      .dead_letters;
  }

  async function replay(id: string): Promise<Response> {
    return await sendRequest(`${stack.url}/marketplace/dead-letters/webhooks/${id}/replay`, {
      method: 'POST',
      headers: { 'x-api-key': adminApiKey },
    });
  }
});
