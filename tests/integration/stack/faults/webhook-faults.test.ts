import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { SimulatedRecord } from '../../../../dev-env/simulators/yclients/record.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

type Readiness = Readonly<{ status: string; dependencies: Readonly<Record<string, { status: string }>> }>;

describe('webhooks during database faults', () => {
  const scope = new AsyncDisposableStack();
  let postgres: PostgresServer;
  let stack: Stack;
  let databaseUrl: string;
  let salon: LinkedSalon;
  let client: SimulatedPhone;
  let template: SimulatedRecord;

  beforeAll(async () => {
    scope.use(muteLibsignalConsole());
    postgres = scope.use(await PostgresServer.start());
    databaseUrl = await postgres.createDatabase();
    stack = scope.use(await startStack({ databaseUrl, environment: { TRUST_PROXY: '1' } }));
    client = stack.whatsapp.phone(clientNumber);
    salon = await linkSalon(stack);
    template = stack.yclients.book(salon.salonId, {
      client: { name: 'Анна', phone: '8 (900) 444-55-66' },
      service: 'Стрижка',
      staff: 'Образец.',
      start: dateInDays(2, '14:30:00'),
    });
    await waitForMessage('Образец.');
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const waitForMessage = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 30_000);
  const countMessages = (word: string): number =>
    client.inbox.filter(({ text }) => text.includes(word)).length;
  const countSpoolFiles = (): number =>
    readdirSync(join(stack.directory, 'data', 'spool')).filter((name) => name.endsWith('.spool')).length;

  /** @returns the status and the response time */
  const post = async (
    recordId: number,
    staff: string,
    status = 'create',
  ): Promise<Readonly<{ status: number; ms: number }>> => {
    const startedMs = performance.now();
    const data = {
      ...template.body({ flags: 'int' }),
      id: recordId,
      staff: { id: recordId % 9_000, name: staff },
    };
    const body = { company_id: salon.salonId, resource: 'record', resource_id: recordId, status, data };
    const response = await sendRequest(salon.webhookUrl, { body });
    await response.arrayBuffer();
    return { status: response.status, ms: performance.now() - startedMs };
  };

  /** Sent from loopback without `X-Forwarded-For`, since METRICS_TOKEN is unset. */
  const fetchMetrics = async (): Promise<string> => await (await fetch(`${stack.url}/metrics`)).text();

  const fetchReadiness = async (): Promise<Readonly<{ code: number; body: Readiness }>> => {
    const response = await sendRequest(`${stack.url}/health/ready`);
    return { code: response.status, body: (await response.json()) as Readiness };
  };

  it('are spooled while it is down and processed in order when it returns (fault 5)', async () => {
    await postgres.stopFast();
    try {
      const responses = [];
      for (let n = 0; n < 12; n += 1) responses.push(await post(995_000 + n, `Без базы ${n}.`));
      responses.push(await post(995_050, 'Очередь 1.'), await post(995_050, 'Очередь 2.', 'update'));
      expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
      expect(Math.max(...responses.map(({ ms }) => ms))).toBeLessThan(3_000);
      expect(countSpoolFiles()).toBeGreaterThan(0);
      expect((await sendRequest(`${stack.url}/health/live`)).status).toBe(200);
      expect(await fetchMetrics()).toContain('marketplace_outage{name="Webhook inbox"} 1');
      const { code, body } = await fetchReadiness();
      expect([
        code,
        body.status,
        body.dependencies['database']?.status,
        body.dependencies['spool']?.status,
      ]).toEqual([200, 'degraded', 'down', 'ok']);
    } finally {
      await postgres.resume();
    }
    for (let n = 0; n < 12; n += 1) await waitForMessage(`Без базы ${n}.`);
    // A message about the first state may or may not be sent; the last one is about the second.
    await waitForMessage('Очередь 2.');
    expect(client.inbox.findLast(({ text }) => text.includes('Очередь '))?.text).toContain('Очередь 2.');
    await waitFor('the spool to be drained', () => countSpoolFiles() === 0);
    expect(await fetchMetrics()).toContain('marketplace_outage{name="Webhook inbox"} 0');
    expect((await post(995_100, 'Снова база.')).status).toBe(200);
    await waitForMessage('Снова база.');
    expect(countSpoolFiles()).toBe(0);
  }, 60_000);

  it('survive kill -9 in the spool and are processed after the next start', async () => {
    await postgres.stopFast();
    try {
      for (let n = 0; n < 5; n += 1) expect((await post(995_200 + n, `Убит ${n}.`)).status).toBe(200);
    } finally {
      await stack.server.kill();
      await postgres.resume();
    }
    await stack.server.start();
    for (let n = 0; n < 5; n += 1) await waitForMessage(`Убит ${n}.`);
    for (let n = 0; n < 5; n += 1) expect(countMessages(`Убит ${n}.`)).toBe(1);
  }, 60_000);

  it('are acknowledged within 3 s while each insert takes 2 s (fault 6)', async () => {
    const database = new Client({ connectionString: databaseUrl });
    await database.connect();
    try {
      await database.query(`
        create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(2); return null; end $$;
        create trigger slow before insert on pgboss.job_common for each statement execute function slow();`);
      const responses = await Promise.all(
        Array.from({ length: 40 }, (_, n) => post(995_300 + n, `Медленно ${n}.`)),
      );
      expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
      expect(Math.max(...responses.map(({ ms }) => ms))).toBeLessThan(3_000);
    } finally {
      await database.query('drop trigger slow on pgboss.job_common');
      await database.end();
    }
    for (let n = 0; n < 40; n += 1) await waitForMessage(`Медленно ${n}.`);
    for (let n = 0; n < 40; n += 1) expect(countMessages(`Медленно ${n}.`)).toBe(1);
  }, 90_000);

  it('are all processed once when it drops all connections (fault 7)', async () => {
    const database = new Client({ connectionString: databaseUrl });
    await database.connect();
    try {
      const posting = Array.from({ length: 60 }, (_, n) => post(995_400 + n, `Обрыв ${n}.`));
      for (let round = 0; round < 3; round += 1) {
        await database.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
        );
      }
      const responses = await Promise.all(posting);
      expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
    } finally {
      await database.end();
    }
    for (let n = 0; n < 60; n += 1) await waitForMessage(`Обрыв ${n}.`);
    for (let n = 0; n < 60; n += 1) expect(countMessages(`Обрыв ${n}.`)).toBe(1);
  }, 60_000);

  it('have one effect when a hundred copies arrive together (fault 21)', async () => {
    const body = JSON.stringify({
      company_id: salon.salonId,
      resource: 'record',
      resource_id: 995_500,
      status: 'create',
      data: { ...template.body({ flags: 'int' }), id: 995_500, staff: { id: 1, name: 'Сто копий.' } },
    });
    const headers = { 'content-type': 'application/json' };
    const responses = await Promise.all(
      Array.from({ length: 100 }, () => sendRequest(salon.webhookUrl, { method: 'POST', headers, body })),
    );
    expect(responses.map(({ status }) => status)).toEqual(responses.map(() => 200));
    await waitForMessage('Сто копий.');
    await post(995_501, 'После копий.');
    await waitForMessage('После копий.');
    expect(countMessages('Сто копий.')).toBe(1);
  }, 30_000);

  it('lead to the latest state in any order of arrival (fault 21)', async () => {
    const versions = Array.from({ length: 8 }, (_, version) => ({
      status: version === 0 ? 'create' : version === 7 ? 'delete' : 'update',
      staff: `Версия-${version}.`,
      changed: `2026-11-01T10:00:0${version}+0300`,
    }));
    const shuffled = versions.toSorted(() => Math.random() - 0.5);
    for (const { status, staff, changed } of [...shuffled, ...shuffled.toReversed()]) {
      const data = {
        ...template.body({ flags: 'int' }),
        id: 995_600,
        staff: { id: Number(/\d/.exec(staff)?.[0]) + 1, name: staff },
        last_change_date: changed,
        deleted: status === 'delete',
      };
      const body = { company_id: salon.salonId, resource: 'record', resource_id: 995_600, status, data };
      expect((await sendRequest(salon.webhookUrl, { body })).status).toBe(200);
    }
    await client.waitForMessage(
      ({ text }) => text.includes('отменена') && text.includes('Версия-7.'),
      15_000,
    );
    await post(995_601, 'После версий.');
    await waitForMessage('После версий.');
    const versionMessages = client.inbox.filter(({ text }) => text.includes('Версия-'));
    expect(versionMessages.at(-1)?.text).toContain('отменена');
    expect(versionMessages.filter(({ text }) => text.includes('отменена'))).toHaveLength(1);
  }, 30_000);
});
