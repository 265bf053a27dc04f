import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest, fetchStatus } from '../../../../dev-env/clients/test-clients.ts';
import { adminApiKey, clientNumber, demoSalon, startStack, type Stack } from '../../../../dev-env/network.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { BookingInput, SimulatedRecord } from '../../../../dev-env/simulators/yclients/record.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('reconciliation', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let salon: LinkedSalon;
  let client: SimulatedPhone;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    stack = scope.use(await startStack({ useDatabaseTemplate: true, environment: { TRUST_PROXY: '1' } }));
    stack.yclients.configureWebhooks({ retry: 'none' });
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
    await reconcile();
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const book = (input: Partial<BookingInput>): SimulatedRecord =>
    stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Марина',
      start: dateInDays(2, '14:30:00'),
      ...input,
    });
  const waitForMessage = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 20_000);
  const messageCount = (word: string): number =>
    client.inbox.filter(({ text }) => text.includes(word)).length;
  const logLineCount = (text: string): number =>
    stack.server.output.split('\n').filter((line) => line.includes(text)).length;

  async function reconcile(): Promise<void> {
    const before = logLineCount('"Bookings reconciled"');
    const response = await sendRequest(`${stack.url}/marketplace/reconciliation`, {
      headers: { 'x-api-key': adminApiKey },
      body: {},
    });
    expect(response.status).toBe(202);
    await waitFor('the reconciliation', () => logLineCount('"Bookings reconciled"') > before, 15_000);
  }

  it('notifies once of changes made while the server was down', async () => {
    const moved = book({ staff: 'Переезд.', start: dateInDays(2, '10:00:00') });
    const cancelled = book({ staff: 'Отмена.' });
    await waitForMessage('Переезд.');
    await waitForMessage('Отмена.');
    await stack.server.kill();
    book({ staff: 'Тайная.' });
    stack.yclients.change(moved.id, { start: dateInDays(2, '12:00:00') });
    stack.yclients.cancel(cancelled.id);
    await stack.yclients.waitForWebhooks();
    await stack.server.start();
    await waitForMessage('Тайная.');
    await client.waitForMessage(({ text }) => text.includes('изменена') && text.includes('Переезд.'), 20_000);
    await client.waitForMessage(({ text }) => text.includes('отменена') && text.includes('Отмена.'), 20_000);
    book({ staff: 'Черта.' });
    await waitForMessage('Черта.');
    await reconcile();
    expect([
      messageCount('Тайная.'),
      messageCount('Переезд.'),
      messageCount('Отмена.'),
      messageCount('Черта.'),
    ]).toEqual([1, 2, 2, 1]);
  }, 60_000);

  it('reads older bookings at the activation without announcing them', async () => {
    const id = 560_001;
    stack.yclients.addSalon({ id, title: 'Салон «Ива»', timeZone: 'Europe/Moscow' });
    const bookLongAgo = (staff: string): SimulatedRecord =>
      stack.yclients.book(id, {
        client: { name: 'Анна', phone: '8 (900) 444-55-66' },
        service: 'Стрижка',
        staff,
        start: dateInDays(4, '14:30:00'),
      });
    const cancelled = bookLongAgo('Отменённая.');
    stack.yclients.cancel(cancelled.id);
    const old = bookLongAgo('Давняя.');
    const other = await linkSalon(stack, { salonId: id, number: '79001112277' });
    const eventsOfRecord = async (recordId: number) => {
      const response = await sendRequest(`${stack.url}/marketplace/bookings/${recordId}/events`, {
        headers: { 'x-api-key': other.apiKey },
      });
      const { events } = (await response.json()) as {
        events: { type: string; cause: string; detail: { kind?: string } }[];
      };
      return events;
    };
    const history = await waitFor('the booking to be known', async () => {
      const events = await eventsOfRecord(old.id);
      return events.length > 2 ? events : undefined;
    });
    expect(history[0]?.cause).toMatch(/^reconciliation:/);
    expect(history.flatMap(({ type, detail }) => (type === 'message_queued' ? [detail.kind] : []))).toEqual([
      'reminder_24h',
      'reminder_2h',
    ]);
    expect(messageCount('Давняя.')).toBe(0);
    expect(await eventsOfRecord(cancelled.id)).toMatchObject([{ detail: { outcome: 'nothing_to_say' } }]);
    // Later changes are announced.
    stack.yclients.change(old.id, { start: dateInDays(4, '16:00:00') });
    await waitForMessage('Давняя.');
    expect(messageCount('Отменённая.')).toBe(0);
  }, 60_000);

  it('reports a missing webhook subscription and still reads the changes', async () => {
    const simulated = stack.yclients.salon(demoSalon.id);
    const { webhookUrls } = simulated.activation;
    simulated.editWebhookUrls(['https://other.example/hook']);
    book({ staff: 'Мимо.' });
    await reconcile();
    await waitForMessage('Мимо.');
    await waitFor('the alert', () => logLineCount('Webhook URL missing in the salon') === 1);
    await reconcile();
    expect(logLineCount('Webhook URL missing in the salon')).toBe(1);
    const metrics = await (await fetch(`${stack.url}/metrics`)).text();
    expect(metrics).toContain('marketplace_webhook_urls_missing 1');
    simulated.editWebhookUrls(webhookUrls);
    await reconcile();
    await waitFor('the end of the alert', () => logLineCount('Webhook URL restored in the salon') === 1);
  }, 60_000);

  it('resumes at startup when a freeze ended while the server was down', async () => {
    const simulated = stack.yclients.salon(demoSalon.id);
    expect((await stack.yclients.freeze(demoSalon.id)).status).toBe(200);
    // The payment webhook arrives while the status check that confirms it fails.
    stack.yclients.refuse('GET /marketplace/salon/*', 500);
    expect((await stack.yclients.pay(demoSalon.id, { amount: 990 })).status).toBe(200);
    expect((await fetchStatus(stack.url, salon.token)).integration_status).toBe('frozen');
    stack.yclients.restore();
    await stack.server.stop();
    expect(simulated.status).toBe('active');
    await stack.server.start();
    await waitFor(
      'the salon to be active again',
      async () => (await fetchStatus(stack.url, salon.token)).integration_status === 'active',
      15_000,
    );
    book({ staff: 'После льда.' });
    await waitForMessage('После льда.');
  }, 60_000);
});
