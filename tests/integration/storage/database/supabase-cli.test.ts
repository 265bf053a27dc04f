import { execFile } from 'node:child_process';
import { cpSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { migrationsDirectory } from '../../../../dev-env/test-database.ts';
import { migrate, readMigrations } from '../../../../src/storage/database/migrate.ts';
import { PostgresDatabase } from '../../../../src/storage/database/postgres.ts';
import { readSchemaCatalog, schemaDifferences } from '../../../support/checkers/schema-catalog.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const run = promisify(execFile);

/** Supabase has these roles before the first migration. */
const supabaseRoles = `
  create role anon nologin noinherit;
  create role authenticated nologin noinherit;
  create role service_role nologin noinherit bypassrls;`;

describe('the Supabase CLI', () => {
  const scope = new AsyncDisposableStack();
  let server: PostgresServer;
  let project: TemporaryDirectory;

  beforeAll(async () => {
    server = scope.use(await PostgresServer.start());
    project = scope.use(new TemporaryDirectory());
    cpSync(path.join(root, 'supabase'), path.join(project.path, 'supabase'), { recursive: true });
    await using database = open(await server.createDatabase());
    await database.transaction((session) => session.exec(supabaseRoles));
  });
  afterAll(() => scope.disposeAsync());

  function open(url: string): PostgresDatabase {
    const onError = (error: unknown): void => {
      throw error;
    };
    return new PostgresDatabase({ url, onError });
  }

  async function push(url: string): Promise<string> {
    const args = ['db', 'push', '--yes', '--workdir', project.path, '--db-url', `${url}?sslmode=disable`];
    const { stdout, stderr } = await run(path.join(root, 'node_modules/.bin/supabase'), args, {
      env: {
        PATH: process.env['PATH'],
        HOME: project.path,
        SUPABASE_TELEMETRY_DISABLED: '1',
        SUPABASE_NO_UPDATE_NOTIFIER: '1',
        // Nothing listens there: the test must not depend on the network.
        HTTPS_PROXY: 'http://127.0.0.1:9',
      },
    });
    return stdout + stderr;
  }

  it('applies the migrations, and the server then has nothing to migrate', async () => {
    const url = await server.createDatabase();
    const migrations = await readMigrations(migrationsDirectory);
    expect(await push(url)).toContain('Finished supabase db push');

    await using pushed = open(url);
    expect(await migrate(pushed, migrations)).toEqual([]);

    await using migrated = open(await server.createDatabase());
    await migrate(migrated, migrations);
    expect(schemaDifferences(await readSchemaCatalog(pushed), await readSchemaCatalog(migrated))).toEqual([]);
  });

  it('has nothing to push to a database that the server has migrated', async () => {
    const url = await server.createDatabase();
    await using database = open(url);
    await migrate(database, await readMigrations(migrationsDirectory));

    expect(await push(url)).toContain('Remote database is up to date');
  });
});
