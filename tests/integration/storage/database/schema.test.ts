import { execFile } from 'node:child_process';
import { appendFileSync, cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresServer } from '../../../../dev-env/postgres-server.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { migrate, type Migration, readMigrations } from '../../../../src/storage/database/migrate.ts';
import { PostgresDatabase } from '../../../../src/storage/database/postgres.ts';
import { readSchemas } from '../../../../supabase/migrations.ts';
import {
  readSchemaCatalog,
  type SchemaCatalog,
  schemaDifferences,
} from '../../../support/checkers/schema-catalog.ts';

const root = path.resolve(import.meta.dirname, '../../../..');
const scope = new AsyncDisposableStack();
let server: PostgresServer;

beforeAll(async () => {
  server = scope.use(await PostgresServer.start());
});
afterAll(() => scope.disposeAsync());

async function emptyDatabase(): Promise<PostgresDatabase> {
  const onError = (error: unknown): void => {
    throw error;
  };
  return new PostgresDatabase({ url: await server.createDatabase(), onError });
}

/** Folders `schemas` and `migrations` in `supabase`, each applied to a separate database. */
async function differencesIn(supabase: string): Promise<string[]> {
  const schemas = await readSchemas(path.join(supabase, 'schemas'));
  return schemaDifferences(
    await catalogAfter(await readMigrations(path.join(supabase, 'migrations'))),
    await catalogAfter([{ version: '20000101000000', name: 'schemas', sql: schemas }]),
  );
}

async function catalogAfter(migrations: readonly Migration[]): Promise<SchemaCatalog> {
  await using database = await emptyDatabase();
  await migrate(database, migrations);
  return await readSchemaCatalog(database);
}

describe('supabase/schemas', () => {
  it('describes the schema that the migrations produce', async () => {
    expect(await differencesIn(path.join(root, 'supabase'))).toEqual([]);
  });
});

describe('the comparison of schemas', () => {
  const planted: readonly (readonly [object: string, sql: string])[] = [
    ['column public.companies.planted', 'alter table public.companies add column planted text'],
    ['column public.companies.title', 'alter table public.companies alter column title type varchar(80)'],
    ['column public.messages.attempts', 'alter table public.messages alter column attempts set default 1'],
    ['column public.bookings.services', 'alter table public.bookings alter column services drop not null'],
    ['column public.claim_holds.planted', 'alter type public.claim_holds add attribute planted text'],
    ['table public.planted', 'create table public.planted ()'],
    ['index public.messages_queued_due_at_idx', 'drop index public.messages_queued_due_at_idx'],
    ['index public.planted', 'create index planted on public.companies (title)'],
    [
      'constraint companies_salon_id_check on public.companies',
      'alter table public.companies drop constraint companies_salon_id_check',
    ],
    [
      'trigger companies_start_warm_up on public.companies',
      'alter table public.companies disable trigger companies_start_warm_up',
    ],
    [
      'function public.company_by_id(bigint)',
      `create or replace function public.company_by_id(p_company_id bigint) returns setof public.companies
        language sql stable set search_path = '' as $$ select * from public.companies where id = p_company_id limit 1 $$`,
    ],
    ['function public.client_version()', 'alter function public.client_version() set search_path = public'],
    [
      'grants on function public.company_by_id(bigint)',
      'grant execute on function public.company_by_id to anon',
    ],
    ['grants on public.companies', 'grant select on public.companies to authenticated'],
    ['column public.companies.title', 'grant select (title) on public.companies to anon'],
    ['grants on schema public', 'revoke usage on schema public from service_role'],
    [
      'default privileges on f in public',
      'alter default privileges in schema public grant execute on functions to anon',
    ],
    ['policy planted on public.companies', 'create policy planted on public.companies using (true)'],
    ['row level security of public.companies', 'alter table public.companies disable row level security'],
    ['view public.planted', 'create view public.planted as select 1 as one'],
    ['type public.planted', `create type public.planted as enum ('one')`],
  ];
  let database: PostgresDatabase;
  let declared: SchemaCatalog;

  beforeAll(async () => {
    database = scope.use(await emptyDatabase());
    await migrate(database, await readMigrations(path.join(root, 'supabase/migrations')));
    declared = await readSchemaCatalog(database);
  });

  it.each(planted)('reports %s after %s', async (object, sql) => {
    const differences: string[] = [];
    const undone = new Error('Undone');
    const change = database.transaction(async (session) => {
      await session.exec(sql);
      differences.push(...schemaDifferences(await readSchemaCatalog(session), declared));
      throw undone;
    });
    await expect(change).rejects.toBe(undone);
    expect(differences.map((line) => line.slice(0, line.indexOf(': ')))).toContain(object);
  });

  it('ignores comments in function bodies', async () => {
    const [before, after] = ['-- One\n', '-- Another\n  -- comment\n'].map(
      (comment) => `create function f() as $$\n${comment}select 1\n$$`,
    );
    if (before === undefined || after === undefined) throw new Error('Two definitions');
    const catalog = (definition: string) =>
      readSchemaCatalog({ query: async () => [{ object: 'f', definition }] });
    expect(schemaDifferences(await catalog(before), await catalog(after))).toEqual([]);
  });
});

describe('a change of the schema as supabase/README.md describes it', () => {
  const run = promisify(execFile);
  const release = '# Changelog\n\n## 0.1.0\n';
  const noRelease = '# Changelog\n\n## Pending\n';

  /** A copy of the folder in a separate project. */
  function scratchCopy(changelog: string) {
    const { path: project } = scope.use(new TemporaryDirectory());
    const supabase = path.join(project, 'supabase');
    cpSync(path.join(root, 'supabase'), supabase, { recursive: true });
    writeFileSync(path.join(project, 'package.json'), '{"type":"module"}');
    writeFileSync(path.join(project, 'CHANGELOG.md'), changelog);
    return {
      supabase,
      migrations: () => readMigrations(path.join(supabase, 'migrations')),
      addColumn: (file: string) =>
        appendFileSync(path.join(supabase, file), 'alter table public.companies add column note text;\n'),
      command: (...args: string[]) => run(process.execPath, [path.join(supabase, 'migrations.ts'), ...args]),
    };
  }

  it('before the first release: regenerates the initial migration', async () => {
    const { supabase, addColumn, command } = scratchCopy(noRelease);
    for (const later of readdirSync(path.join(supabase, 'migrations')).sort().slice(1)) {
      rmSync(path.join(supabase, 'migrations', later));
    }
    addColumn('schemas/10_companies.sql');
    expect(await differencesIn(supabase)).toContain('column public.companies.note: only in supabase/schemas');

    await command('initial');

    expect(await differencesIn(supabase)).toEqual([]);
  });

  it('after it: adds a migration, which a database of the previous release applies', async () => {
    const { supabase, migrations, addColumn, command } = scratchCopy(release);
    await using previous = await emptyDatabase();
    await migrate(previous, await migrations());
    addColumn('schemas/10_companies.sql');
    expect(await differencesIn(supabase)).toEqual(['column public.companies.note: only in supabase/schemas']);

    const { stdout } = await command('new', 'add_company_note');
    const [, file = '', version] =
      /supabase\/(migrations\/(\d{14})_add_company_note\.sql)/.exec(stdout) ?? [];
    addColumn(file);

    expect(await differencesIn(supabase)).toEqual([]);
    expect(await migrate(previous, await migrations())).toEqual([version]);
  });

  it('never regenerates the initial migration of a release or below another migration', async () => {
    await expect(scratchCopy(release).command('initial')).rejects.toThrow(/CHANGELOG\.md lists a release/);
    const { command } = scratchCopy(noRelease);
    await command('new', 'add_company_note');
    await expect(command('initial')).rejects.toThrow(/Other migrations build on the initial one/);
  });

  it('refuses names that are taken or that migrate() does not accept', async () => {
    const { command } = scratchCopy(release);
    for (const name of ['', 'Add Note', '../note', 'add-note', '1st', 'initial']) {
      await expect(command('new', name), name).rejects.toMatchObject({ code: 1 });
    }
    await expect(command('new')).rejects.toThrow(/Usage: node supabase\/migrations\.ts/);
  });
});
