import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Client } from 'pg';
import { expect, it } from 'vitest';
import { linkSalon } from '../../../../dev-env/clients/linked-salon.ts';
import { sendRequest } from '../../../../dev-env/clients/test-clients.ts';
import { clientNumber, startStack } from '../../../../dev-env/network.ts';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { muteLibsignalConsole } from '../../../../dev-env/simulators/whatsapp/libsignal-console.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const minuteMs = 60_000;
const clockOffsetPreload = path.resolve(import.meta.dirname, '../../../support/clock/clock-offset.ts');

it('a clock jump of five minutes changes neither pacing, due times nor the session lease', async () => {
  await using scope = new AsyncDisposableStack();
  scope.use(muteLibsignalConsole());
  const directory = scope.use(new TemporaryDirectory());
  const offsetFile = path.join(directory.path, 'offset');
  const jump = (minutes: number): void => writeFileSync(offsetFile, String(minutes * minuteMs));
  jump(0);
  const databaseUrl = await scope.use(await PostgresServer.start()).createDatabase();
  const stack = scope.use(
    await startStack({
      databaseUrl,
      environment: {
        PACING_PROFILE: 'careful',
        NODE_OPTIONS: `--import=${clockOffsetPreload}`,
        CLOCK_OFFSET_FILE: offsetFile,
      },
    }),
  );
  const database = new Client({ connectionString: databaseUrl });
  await database.connect();
  scope.defer(() => database.end());
  const client = stack.whatsapp.phone(clientNumber);
  const salon = await linkSalon(stack);
  // An old session, so that the slower pacing after a reconnection does not apply.
  await database.query(`update companies set session_state_since = now() - interval '1 day'`);
  await database.query(
    `insert into messages (company_id, kind, idempotency_key, phone, text, not_before, due_at)
     values ($1, 'direct', 'later', $2, 'Рано', now() + interval '4 minutes', now() + interval '4 minutes')`,
    [salon.companyId, `+${clientNumber}`],
  );
  const { rows: lease } = await database.query('select token from whatsapp_leases');
  const logins = () => stack.whatsapp.log.filter(({ type }) => type === 'login').length;
  const loginsBefore = logins();

  for (let count = 0; count < 5; count += 1) {
    const { status } = await sendRequest(`${stack.url}/marketplace/messages`, {
      headers: { 'x-api-key': salon.apiKey, 'idempotency-key': randomUUID() },
      body: { phone: clientNumber, text: 'Ждём вас завтра!' },
    });
    expect(status).toBe(202);
  }
  const sent = () =>
    stack.whatsapp.log.filter((event) => event.type === 'message').filter(({ to }) => to === clientNumber);
  for (const [count, minutes] of [
    [1, 5],
    [3, -5],
    [5, 0],
  ] as const) {
    await waitFor(`${count} messages`, () => sent().length >= count, 60_000);
    jump(minutes);
  }

  // The log proves that the clock jumped in both directions.
  const loggedAtMs = stack.server.output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => Date.parse((JSON.parse(line) as { timestamp: string }).timestamp));
  expect(Math.max(...loggedAtMs)).toBeGreaterThan(Date.now() + 4 * minuteMs);
  expect(Math.min(...loggedAtMs)).toBeLessThan(Date.now() - 4 * minuteMs);

  const gapsMs = sent().flatMap(({ atMs }, index, all) => {
    const before = all[index - 1];
    return before === undefined ? [] : [atMs - before.atMs];
  });
  expect(gapsMs).toHaveLength(4);
  expect(Math.min(...gapsMs)).toBeGreaterThan(3_500);
  // The longest gap plus 7 s for a busy machine.
  expect(Math.max(...gapsMs)).toBeLessThan(12_000 + 7_000);
  const { rows } = await database.query(`select status from messages where idempotency_key = 'later'`);
  expect(rows).toEqual([{ status: 'queued' }]);
  expect(client.inbox.map(({ text }) => text)).not.toContain('Рано');
  expect((await database.query('select token from whatsapp_leases')).rows).toEqual(lease);
  expect(logins()).toBe(loginsBefore);
}, 180_000);
