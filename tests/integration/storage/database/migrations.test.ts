import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { migrationsDirectory } from '../../../../dev-env/test-database.ts';
import { MigrationError } from '../../../../src/domain/errors/startup-error.ts';
import { migrate, readMigrations } from '../../../../src/storage/database/migrate.ts';
import type { Migration } from '../../../../src/storage/database/migrate.ts';
import { PgliteDatabase } from '../../../../src/storage/database/pglite.ts';
import { PostgresDatabase } from '../../../../src/storage/database/postgres.ts';
import type { SqlDatabase } from '../../../../src/storage/database/sql.ts';
import { localEngines } from '../../../support/fixtures/engines.ts';
import type { TestDatabase } from '../../../support/fixtures/engines.ts';

/** A migration of a later release. */
const later: Migration = {
  version: '29990101000000',
  name: 'later',
  sql: 'create table public.later (id int)',
};

describe.each(
  localEngines({ both: 'Instances that migrate at once wait for a lock; DDL differs in PGlite' }),
)('migrations on $name', ({ make }) => {
  let place: TestDatabase;
  let database: SqlDatabase & AsyncDisposable;
  let migrations: Migration[];

  beforeAll(async () => {
    place = await make();
    database = await open(place);
    migrations = await readMigrations(migrationsDirectory);
  });

  afterAll(async () => {
    await database[Symbol.asyncDispose]();
    await place[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    await database.transaction((session) =>
      session.exec(
        'drop schema public cascade; create schema public; drop schema if exists supabase_migrations cascade',
      ),
    );
  });

  it('are applied once and in order by concurrent instances', async () => {
    const instances = [1, 2, 3];
    // Each connection has cached that the history table does not exist.
    const lookUp = `select to_regnamespace('supabase_migrations'), pg_sleep(0.1)`;
    await Promise.all(instances.map(() => database.transaction((session) => session.query(lookUp))));

    const applied = await Promise.all(instances.map(() => migrate(database, migrations)));

    expect(applied.flat().toSorted((a, b) => Number(a) - Number(b))).toEqual(
      migrations.map(({ version }) => version),
    );
    expect(await migrate(database, migrations)).toEqual([]);
    expect(await history()).toEqual(migrations.map(({ version, name }) => ({ version, name })));
  });

  it('continue after those of an older release', async () => {
    await migrate(database, migrations);

    expect(await migrate(database, [...migrations, later])).toEqual([later.version]);
  });

  it('match a history of the Supabase CLI, which stores single statements', async () => {
    await migrate(database, migrations);
    await database.transaction((session) =>
      session.exec(`update supabase_migrations.schema_migrations set statements =
        (select array_agg(btrim(part, E' \\n')) from unnest(string_to_array(statements[1], E';\\n')) as part)`),
    );

    expect(await migrate(database, migrations)).toEqual([]);
  });

  it('roll back a migration that fails', async () => {
    const broken = { ...later, sql: 'create table half (id int); select 1 / 0' };

    await expect(migrate(database, [...migrations, broken])).rejects.toMatchObject({ code: '22012' });

    const [row] = await database.transaction((session) =>
      session.query(`select to_regclass('public.half') as half`),
    );
    expect(row).toEqual({ half: null });
    expect(await migrate(database, migrations)).toEqual([]);
  });

  it('reject a database of an unreleased version without changing it', async () => {
    const squashed = { ...later, version: '20261122100000', name: 'companies' };
    await migrate(database, [squashed]);

    await expect(migrate(database, migrations)).rejects.toThrow(
      'The database was created by an unreleased version (migration 20261122100000) and cannot be upgraded. ' +
        'Create a new database, or empty DATA_DIR and SESSIONS_DIR if the database is embedded.',
    );

    const [tables] = await database.query(
      `select array_agg(relname::text) as names from pg_class where relnamespace = 'public'::regnamespace`,
    );
    expect(tables).toEqual({ names: ['later'] });
  });

  it('reject a database of a newer release', async () => {
    await migrate(database, [...migrations, later]);

    await expect(migrate(database, migrations)).rejects.toThrow(
      /newer than this release: unknown migration 29990101000000/,
    );
  });

  it('reject a modified, missing or inserted migration', async () => {
    const last = {
      ...later,
      version: '29990101000001',
      name: 'last',
      sql: 'create table public.last (id int)',
    };
    const released = [...migrations, later, last];
    await migrate(database, released);
    const changed = [...migrations, { ...later, sql: `${later.sql}; select 1` }, last];
    const withoutLater = [...migrations, last];
    const slippedIn = [{ ...later, version: '20000101000000', name: 'late' }, ...released];

    await expect(migrate(database, changed)).rejects.toThrow(/was modified after/);
    await expect(migrate(database, withoutLater)).rejects.toThrow(/is missing from this release/);
    await expect(migrate(database, slippedIn)).rejects.toThrow(/older than the last applied/);
  });

  async function history() {
    return database.transaction((session) =>
      session.query('select version, name from supabase_migrations.schema_migrations order by version'),
    );
  }
});

describe('readMigrations', () => {
  it('rejects a file name that the Supabase CLI does not accept', async () => {
    using directory = new TemporaryDirectory();
    writeFileSync(path.join(directory.path, '2026_late.sql'), 'select 1');

    await expect(readMigrations(directory.path)).rejects.toBeInstanceOf(MigrationError);
  });
});

async function open({ address }: TestDatabase): Promise<SqlDatabase & AsyncDisposable> {
  const onError = (error: unknown): void => {
    throw error;
  };
  if (address.kind === 'embedded') {
    return PgliteDatabase.open({ directory: address.directory, onError, now: () => new Date() });
  }
  return new PostgresDatabase({
    url: address.kind === 'postgres' ? address.url : address.databaseUrl,
    onError,
  });
}
