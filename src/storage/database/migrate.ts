import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { MigrationError } from '../../domain/errors/startup-error.ts';
import { getSqlState } from './sql.ts';
import type { SqlDatabase, SqlTransaction } from './sql.ts';

export type Migration = Readonly<{ version: string; name: string; sql: string }>;

const fileNamePattern = /^([0-9]{14})_([a-z0-9_]+)\.sql$/;

/** Arbitrary; the same in every instance. */
const advisoryLockKey = 4_917_203_611;

/** The history table of the Supabase CLI, so that `supabase db push` works on the same database. */
const historyTableSql = `
  create schema if not exists supabase_migrations;
  create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
  alter table supabase_migrations.schema_migrations add column if not exists statements text[];
  alter table supabase_migrations.schema_migrations add column if not exists name text;`;

/** Roles of Supabase, which the grants in the schema require. */
const rolesSql = `
  do $$
  begin
    if to_regrole('anon') is null then create role anon nologin noinherit; end if;
    if to_regrole('authenticated') is null then create role authenticated nologin noinherit; end if;
    if to_regrole('service_role') is null then create role service_role nologin noinherit bypassrls; end if;
    if not pg_has_role('service_role', 'member') then
      execute format('grant service_role to %I', current_user);
    end if;
  end
  $$;`;

/** Reads the migrations of a directory, oldest first. @throws MigrationError for an invalid file name */
export async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (file) => {
      const [, version, name] = fileNamePattern.exec(file) ?? [];
      if (version === undefined || name === undefined) {
        throw new MigrationError(`${file} is not named <14 digits>_<name>.sql`);
      }
      return { version, name, sql: await readFile(path.join(directory, file), 'utf8') };
    }),
  );
}

/**
 * Applies pending migrations, each in one transaction under an advisory lock.
 * @returns the applied versions
 * @throws MigrationError if the history of the database does not match `migrations`
 */
export async function migrate(database: SqlDatabase, migrations: readonly Migration[]): Promise<string[]> {
  await prepareSchema(database);
  const appliedNow: string[] = [];
  for (const migration of migrations) {
    const applied = await database.transaction(async (transaction) => {
      await lock(transaction);
      const history = await readHistory(transaction);
      assertSameHistory(history, migrations);
      if (history.has(migration.version)) return false;
      await transaction.exec(migration.sql);
      await transaction.query(
        'insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, array[$3])',
        [migration.version, migration.name, migration.sql],
      );
      // PostgREST caches the schema.
      await transaction.exec(`notify pgrst, 'reload schema'`);
      return true;
    });
    if (applied) appliedNow.push(migration.version);
  }
  return appliedNow;
}

async function prepareSchema(database: SqlDatabase): Promise<void> {
  try {
    await database.transaction(async (transaction) => {
      await lock(transaction);
      await transaction.exec(historyTableSql);
      await transaction.exec(rolesSql);
    });
  } catch (cause) {
    if (getSqlState(cause) !== '42501') throw cause;
    throw new MigrationError(
      'The database user lacks permission to create the roles anon, authenticated and service_role (bypassrls). ' +
        'Create them as an administrator, grant service_role to this user, and start again.',
      { cause },
    );
  }
}

async function lock(transaction: SqlTransaction): Promise<void> {
  await transaction.exec(
    'set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0',
  );
  await transaction.query('select pg_advisory_xact_lock($1)', [advisoryLockKey]);
  // Reading a table processes catalog invalidations that arrived while waiting; the lock alone does not.
  await transaction.query('select from pg_catalog.pg_namespace limit 1');
}

type History = ReadonlyMap<string, string | undefined>;

async function readHistory(transaction: SqlTransaction): Promise<History> {
  const rows = await transaction.query(
    `select version, array_to_string(statements, E';\n') as sql from supabase_migrations.schema_migrations order by version`,
  );
  return new Map(
    rows.map((row) => [String(row['version']), typeof row['sql'] === 'string' ? row['sql'] : undefined]),
  );
}

function assertSameHistory(history: History, migrations: readonly Migration[]): void {
  const newestApplied = [...history.keys()].at(-1) ?? '';
  const newestKnown = migrations.at(-1)?.version ?? '';
  const oldestKnown = migrations[0]?.version ?? '';
  for (const [version, sql] of history) {
    const migration = migrations.find((candidate) => candidate.version === version);
    if (migration === undefined && version < oldestKnown) {
      throw new MigrationError(
        `The database was created by an unreleased version (migration ${version}) and cannot be upgraded. ` +
          'Create a new database, or empty DATA_DIR and SESSIONS_DIR if the database is embedded.',
      );
    }
    if (migration === undefined) {
      throw new MigrationError(
        version > newestKnown
          ? `Database schema is newer than this release: unknown migration ${version}. Start a newer release.`
          : `Applied migration ${version} is missing from this release.`,
      );
    }
    // The Supabase CLI splits a file into statements: only spaces, semicolons and comment lines may differ.
    if (sql !== undefined && normalizeSql(sql) !== normalizeSql(migration.sql)) {
      throw new MigrationError(
        `Migration ${version}_${migration.name} was modified after it was applied. Restore it and add a new migration; before the first release, create a new database instead.`,
      );
    }
  }
  const skipped = migrations.find(({ version }) => version < newestApplied && !history.has(version));
  if (skipped !== undefined) {
    throw new MigrationError(
      `Migration ${skipped.version}_${skipped.name} is older than the last applied migration. Renumber it.`,
    );
  }
}

function normalizeSql(sql: string): string {
  return sql.replaceAll(/^\s*--.*$/gm, '').replaceAll(/[\s;]+/g, '');
}
