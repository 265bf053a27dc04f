import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest, openRegistration } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('a temporary outage', () => {
  const scope = new AsyncDisposableStack();
  let stack: Stack;
  let database: Client;
  let salon: LinkedSalon;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    const server = scope.use(await PostgresServer.start());
    const databaseUrl = await server.createDatabase();
    stack = scope.use(await startStack({ databaseUrl, environment: { TRUST_PROXY: '1' } }));
    database = new Client({ connectionString: databaseUrl });
    await database.connect();
    scope.defer(() => database.end());
    salon = await linkSalon(stack);
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const countLines = (text: string): number =>
    stack.server.output.split('\n').filter((line) => line.includes(text)).length;

  it('of the database delays acknowledged webhooks, dead-letters none and is logged once', async () => {
    await database.query('alter table bookings rename to bookings_away');
    for (const staff of ['Первая.', 'Вторая.', 'Третья.']) {
      stack.yclients.book(salon.salonId, {
        client: { name: 'Анна', phone: '8 (900) 444-55-66' },
        service: 'Стрижка',
        staff,
        start: dateInDays(2, '14:30:00'),
      });
    }
    await stack.yclients.waitForWebhooks();
    expect(stack.yclients.deliveries.slice(-3).map(({ status }) => status)).toEqual([200, 200, 200]);
    await waitFor(
      'the outage in the log',
      () => countLines('Job handlers (webhooks): database unavailable') > 0,
    );
    await database.query('alter table bookings_away rename to bookings');

    const client = stack.whatsapp.phone(clientNumber);
    for (const staff of ['Первая.', 'Вторая.', 'Третья.'])
      await client.waitForMessage(({ text }) => text.includes(staff), 20_000);
    expect(countLines('Job handlers (webhooks): database unavailable')).toBe(1);
    await waitFor(
      'the recovery in the log',
      () => countLines('Job handlers (webhooks): database recovered') > 0,
    );
    expect(countLines('Job handlers (webhooks): database recovered')).toBe(1);
    const { rows } = await database.query(
      `select count(*)::int as dead from pgboss.job where name like '%\\_dead'`,
    );
    expect(rows).toEqual([{ dead: 0 }]);
  }, 60_000);

  it('of the database delays STOP and message receipts, and loses neither', async () => {
    const staff = 'Четвёртая.';
    stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff,
      start: dateInDays(2, '14:30:00'),
    });
    const client = stack.whatsapp.phone(clientNumber);
    const { id } = await client.waitForMessage(({ text }) => text.includes(staff), 20_000);
    await database.query('alter table messages rename to messages_away');
    await database.query('alter function jobs_insert rename to jobs_insert_away');
    client.markRead(id);
    await client.sendText(salon.owner.number, 'СТОП');
    await waitFor('both outages in the log', () =>
      ['Inbound message writer', 'Message status writer'].every((what) => countLines(what) > 0),
    );
    await database.query('alter table messages_away rename to messages');
    await database.query('alter function jobs_insert_away rename to jobs_insert');
    const isRecorded = async (type: string): Promise<boolean> => {
      const { rows } = await database.query('select from marketplace_events where type = $1', [type]);
      return rows.length > 0;
    };
    await waitFor('the receipt', () => isRecorded('message_read'), 20_000);
    await waitFor('the opt-out', () => isRecorded('client_opted_out'), 20_000);
    await waitFor(
      'the recovery in the log',
      () => countLines('Inbound message writer: database recovered') > 0,
    );
    expect(countLines('Inbound message writer: database recovered')).toBe(1);
  }, 60_000);

  it('of the lease owner delays the disconnection of an uninstalled salon', async () => {
    const id = 570_001;
    stack.yclients.addSalon({ id, title: 'Салон «Фиалка»', timeZone: 'Europe/Moscow' });
    const [token = ''] = await openRegistration(stack.yclients.pressConnect(id));
    const { rows } = await database.query<{ id: string }>('select id from companies where salon_id = $1', [
      id,
    ]);
    await database.query(
      `insert into whatsapp_leases values ($1, 'another instance', 1, clock_timestamp() + interval '4 seconds')`,
      [rows[0]?.id],
    );
    const disconnections = async (): Promise<unknown[]> => {
      const jobs = await database.query<{ state: string }>(
        `select state::text from pgboss.job where name = 'disconnection' and singleton_key = $1`,
        [rows[0]?.id],
      );
      return jobs.rows.map(({ state }) => state);
    };

    expect((await stack.yclients.uninstall(id)).status).toBe(200);
    const response = await sendRequest(`${stack.url}/marketplace/qr`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(401);
    await waitFor('a failed first attempt', async () => (await disconnections()).includes('retry'));
    await waitFor('the disconnection', async () => (await disconnections()).includes('completed'), 20_000);
  }, 60_000);
});
