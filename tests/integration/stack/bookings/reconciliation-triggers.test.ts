import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest, openRegistration } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, demoSalon, startStack, type Stack } from '../../../../dev-env/network.ts';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const clockOffsetPreload = path.resolve(import.meta.dirname, '../../../support/clock/clock-offset.ts');
const breakerOpenMs = 61_000;

describe('reconciliation runs after an outage', () => {
  const scope = new AsyncDisposableStack();
  let postgres: PostgresServer;
  let databaseUrl: string;
  let stack: Stack;
  let salon: LinkedSalon;
  let client: SimulatedPhone;
  let setClockOffset: (ms: number) => void;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    const offsetFile = path.join(scope.use(new TemporaryDirectory()).path, 'offset');
    setClockOffset = (ms) => writeFileSync(offsetFile, String(ms));
    setClockOffset(0);
    postgres = scope.use(await PostgresServer.start());
    databaseUrl = await postgres.createDatabase();
    stack = scope.use(
      await startStack({
        databaseUrl,
        environment: {
          TRUST_PROXY: '1',
          NODE_OPTIONS: `--import=${clockOffsetPreload}`,
          CLOCK_OFFSET_FILE: offsetFile,
        },
      }),
    );
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
    await waitFor('the first reconciliation', async () => (await causes()).length > 0);
    await waitFor('its end', () => stack.server.output.includes('"Bookings reconciled"'));
    // YCLIENTS posts no more webhooks to the server.
    stack.yclients.salon(salon.salonId).editWebhookUrls(['https://other.example/hook']);
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const book = (staff: string) =>
    stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff,
      start: dateInDays(2, '14:30:00'),
    });
  const waitForMessage = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 30_000);

  async function query(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const database = new Client({ connectionString: databaseUrl });
    await database.connect();
    try {
      return (await database.query<Record<string, unknown>>(text, [...values])).rows;
    } finally {
      await database.end();
    }
  }

  /** Causes of the enqueued reconciliations, oldest first. */
  async function causes(): Promise<unknown[]> {
    const jobs = await query(
      `select data ->> 'cause' as cause from pgboss.job where name = 'reconciliation' order by created_on`,
    );
    return jobs.map(({ cause }) => cause);
  }

  it('of the database, when the spool has drained', async () => {
    await postgres.stopFast();
    book('Мимо базы.');
    const body = {
      company_id: salon.salonId,
      resource: 'client',
      resource_id: 1,
      status: 'update',
      data: {},
    };
    expect((await sendRequest(salon.webhookUrl, { body })).status).toBe(200);
    await postgres.resume();
    await waitForMessage('Мимо базы.');
    expect((await causes()).at(-1)).toBe('spool_drained');
  }, 60_000);

  it('of YCLIENTS, when the circuit breaker closes', async () => {
    const circuitWas = (state: string): boolean =>
      stack.server.output
        .split('\n')
        .some(
          (line) => line.includes('YCLIENTS circuit breaker state changed') && line.includes(`"${state}"`),
        );
    const visit = () => openRegistration(stack.yclients.pressConnect(demoSalon.id)).catch(() => undefined);
    stack.yclients.refuse('GET /api/v1/*', 500);
    await waitFor(
      'the circuit to open',
      async () => {
        await visit();
        return circuitWas('open');
      },
      30_000,
    );
    const { id } = book('Мимо обрыва.');
    stack.yclients.restore();
    setClockOffset(breakerOpenMs);
    await waitFor(
      'the circuit to close',
      async () => {
        await visit();
        return circuitWas('closed');
      },
      30_000,
    );
    // Waits for the queued message only: the server's clock is a minute ahead, so it is due in a minute.
    await waitFor(
      'the message to be queued',
      async () => (await query('select from messages where record_id = $1', [id])).length > 0,
    );
    expect((await causes()).at(-1)).toBe('breaker_closed');
  }, 90_000);
});
