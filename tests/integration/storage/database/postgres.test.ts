import { describe, expect, it } from 'vitest';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { migrationsDirectory } from '../../../../dev-env/test-database.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { openDatabase } from '../../../../src/storage/database/database.ts';
import { readMigrations } from '../../../../src/storage/database/migrate.ts';
import { PostgresDatabase } from '../../../../src/storage/database/postgres.ts';
import { createJobQueue } from '../../../../src/storage/queue/job-queue.ts';
import { monotonicMs, OutageLog } from '../../../support/faults/outage-log.ts';
import { registerCompany, repositoriesOn } from '../../../support/fixtures/storage.ts';

describe('PostgresDatabase', () => {
  it('recovers from a server restart: calls fail with DB_ERROR, then calls and jobs continue', async () => {
    await using server = await PostgresServer.start();
    const reported: unknown[] = [];
    const onError = (error: unknown): void => void reported.push(error);
    await using database = await openDatabase(
      { kind: 'postgres', url: await server.createDatabase() },
      { migrations: await readMigrations(migrationsDirectory), onError, now: () => new Date() },
    );
    const outages = new OutageLog();
    await using queue = await createJobQueue({
      database,
      onError,
      outageCallbacks: outages.callbacks,
      monotonicMs,
    });
    const repositories = repositoriesOn(database);
    const { id } = await registerCompany(repositories);
    const done: string[] = [];
    await queue.work('webhooks', async ({ key }) => void done.push(key));

    await server.stopFast();
    await expect(repositories.companies.byId(id)).rejects.toMatchObject({
      code: 'DB_ERROR',
      retryAfterSeconds: 5,
    });
    await expect(database.ping()).rejects.toMatchObject({ code: 'DB_ERROR' });
    await waitFor('the queue to notice', () => outages.lines.length > 0);
    await server.resume();

    await waitFor('the pool to heal', () => repositories.companies.byId(id).catch(() => undefined));
    await queue.insert('webhooks', [{ key: 'after', data: {} }]);
    await waitFor('the job', () => done.includes('after'), 10_000);
    expect(reported.length).toBeGreaterThan(0);
    expect(outages.lines).toEqual(['Job queue began', 'Job queue ended']);
  });

  it('retries a transaction after a deadlock (fault 8)', async () => {
    await using server = await PostgresServer.start();
    await using database = new PostgresDatabase({ url: await server.createDatabase(), onError: () => {} });
    await database.transaction((session) =>
      session.exec(
        'create table counters (id int primary key, value int); insert into counters values (1, 0), (2, 0)',
      ),
    );
    let attempts = 0;
    const addToBoth = (first: number, second: number): Promise<void> =>
      database.transaction(async (session) => {
        attempts += 1;
        await session.query('update counters set value = value + 1 where id = $1', [first]);
        // Long enough for the other transaction to lock its row.
        await session.query('select pg_sleep(0.2)');
        await session.query('update counters set value = value + 1 where id = $1', [second]);
      });
    await Promise.all([addToBoth(1, 2), addToBoth(2, 1)]);
    expect(attempts).toBeGreaterThan(2);
    const rows = await database.transaction((session) =>
      session.query('select value from counters order by id'),
    );
    expect(rows).toEqual([{ value: 2 }, { value: 2 }]);
  });

  it('survives a server that terminates every connection (fault 7)', async () => {
    await using server = await PostgresServer.start();
    const url = await server.createDatabase();
    await using database = new PostgresDatabase({ url, onError: () => {} });
    await using killer = new PostgresDatabase({ url, onError: () => {}, maxConnections: 1 });
    const stop = performance.now() + 3_000;
    const outcomes = new Set<string>();
    const attempt = async (): Promise<void> => {
      while (performance.now() < stop)
        outcomes.add(
          await database.query('select 1').then(
            () => 'answered',
            () => 'lost',
          ),
        );
    };
    const kill = async (): Promise<void> => {
      while (performance.now() < stop)
        await killer.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
        );
    };
    await Promise.all([kill(), ...Array.from({ length: 20 }, attempt)]);
    expect(outcomes).toEqual(new Set(['answered', 'lost']));
    expect(await database.query('select 1 as one')).toEqual([{ one: 1 }]);
  }, 20_000);

  it('fails fast if the server is unreachable', async () => {
    await expect(
      openDatabase(
        // The discard port, where no server listens.
        { kind: 'postgres', url: 'postgres://nobody@127.0.0.1:9/none' },
        { migrations: [], onError: () => {}, now: () => new Date() },
      ),
    ).rejects.toThrow(/ECONNREFUSED/);
  });
});
