import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dateInDays, linkSalon, type LinkedSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { clientNumber, startStack, type Stack } from '../../../../dev-env/network.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import type { SimulatedPhone } from '../../../../dev-env/simulators/whatsapp/phone/simulated-phone.ts';
import type { SimulatedRecord } from '../../../../dev-env/simulators/yclients/record.ts';

type Ready = Readonly<{ status: string; dependencies: Readonly<Record<string, { status: string }>> }>;

describe('webhooks while the database has trouble', () => {
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
    await arrived('Образец.');
  }, 60_000);
  afterAll(() => scope.disposeAsync());

  const arrived = (word: string) => client.waitForMessage(({ text }) => text.includes(word), 30_000);
  const copies = (word: string): number => client.inbox.filter(({ text }) => text.includes(word)).length;
  const spooled = (): number =>
    readdirSync(join(stack.directory, 'data', 'spool')).filter((name) => name.endsWith('.spool')).length;

  /** @returns the status, and how long the platform waited */
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

  /** Asked from this machine itself, without a proxy. */
  const metrics = async (): Promise<string> => await (await fetch(`${stack.url}/metrics`)).text();

  const ready = async (): Promise<Readonly<{ code: number; body: Ready }>> => {
    const response = await sendRequest(`${stack.url}/health/ready`);
    return { code: response.status, body: (await response.json()) as Ready };
  };

  it('are acknowledged from the disk while it is down, and processed in order when it is back (fault 5)', async () => {
    await postgres.stopFast();
    try {
      const answers = [];
      for (let n = 0; n < 12; n += 1) answers.push(await post(995_000 + n, `Без базы ${n}.`));
      answers.push(await post(995_050, 'Очередь 1.'), await post(995_050, 'Очередь 2.', 'update'));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(3_000);
      expect(spooled()).toBeGreaterThan(0);
      expect((await sendRequest(`${stack.url}/health/live`)).status).toBe(200);
      expect(await metrics()).toContain('marketplace_outage{name="Webhook inbox"} 1');
      const { code, body } = await ready();
      expect([
        code,
        body.status,
        body.dependencies['database']?.status,
        body.dependencies['spool']?.status,
      ]).toEqual([200, 'degraded', 'down', 'ok']);
    } finally {
      await postgres.resume();
    }
    for (let n = 0; n < 12; n += 1) await arrived(`Без базы ${n}.`);
    // Whatever was said of the first state, the second came last.
    await arrived('Очередь 2.');
    expect(client.inbox.findLast(({ text }) => text.includes('Очередь '))?.text).toContain('Очередь 2.');
    await waitFor('the spool to be drained', () => spooled() === 0);
    expect(await metrics()).toContain('marketplace_outage{name="Webhook inbox"} 0');
    expect((await post(995_100, 'Снова база.')).status).toBe(200);
    await arrived('Снова база.');
    expect(spooled()).toBe(0);
  }, 60_000);

  it('survive kill -9 on the disk, and are brought in by the next start', async () => {
    await postgres.stopFast();
    try {
      for (let n = 0; n < 5; n += 1) expect((await post(995_200 + n, `Убит ${n}.`)).status).toBe(200);
    } finally {
      await stack.server.kill();
      await postgres.resume();
    }
    await stack.server.start();
    for (let n = 0; n < 5; n += 1) await arrived(`Убит ${n}.`);
    for (let n = 0; n < 5; n += 1) expect(copies(`Убит ${n}.`)).toBe(1);
  }, 60_000);

  it('are acknowledged in time while it takes seconds for each write (fault 6)', async () => {
    const database = new Client({ connectionString: databaseUrl });
    await database.connect();
    try {
      await database.query(`
        create function slow() returns trigger language plpgsql as $$ begin perform pg_sleep(2); return null; end $$;
        create trigger slow before insert on pgboss.job_common for each statement execute function slow();`);
      const answers = await Promise.all(
        Array.from({ length: 40 }, (_, n) => post(995_300 + n, `Медленно ${n}.`)),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(3_000);
    } finally {
      await database.query('drop trigger slow on pgboss.job_common');
      await database.end();
    }
    for (let n = 0; n < 40; n += 1) await arrived(`Медленно ${n}.`);
    for (let n = 0; n < 40; n += 1) expect(copies(`Медленно ${n}.`)).toBe(1);
  }, 90_000);

  it('lose nothing when it drops all connections (fault 7)', async () => {
    const database = new Client({ connectionString: databaseUrl });
    await database.connect();
    try {
      const posting = Array.from({ length: 60 }, (_, n) => post(995_400 + n, `Обрыв ${n}.`));
      for (let round = 0; round < 3; round += 1) {
        await database.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
        );
      }
      const answers = await Promise.all(posting);
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    } finally {
      await database.end();
    }
    for (let n = 0; n < 60; n += 1) await arrived(`Обрыв ${n}.`);
    for (let n = 0; n < 60; n += 1) expect(copies(`Обрыв ${n}.`)).toBe(1);
  }, 60_000);

  it('have one effect when a hundred copies of one come at once (fault 21)', async () => {
    const body = JSON.stringify({
      company_id: salon.salonId,
      resource: 'record',
      resource_id: 995_500,
      status: 'create',
      data: { ...template.body({ flags: 'int' }), id: 995_500, staff: { id: 1, name: 'Сто копий.' } },
    });
    const headers = { 'content-type': 'application/json' };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => sendRequest(salon.webhookUrl, { method: 'POST', headers, body })),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    await arrived('Сто копий.');
    await post(995_501, 'После копий.');
    await arrived('После копий.');
    expect(copies('Сто копий.')).toBe(1);
  }, 30_000);

  it('end in the latest state in whatever order they come (fault 21)', async () => {
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
    await arrived('После версий.');
    const receivedMessages = client.inbox.filter(({ text }) => text.includes('Версия-'));
    expect(receivedMessages.at(-1)?.text).toContain('отменена');
    expect(receivedMessages.filter(({ text }) => text.includes('отменена'))).toHaveLength(1);
  }, 30_000);
});
