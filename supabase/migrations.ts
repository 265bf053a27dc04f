import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Writes migration files; supabase/README.md describes when to use which command. */

const usage = `Usage: node supabase/migrations.ts initial     regenerate the initial migration from supabase/schemas
       node supabase/migrations.ts new NAME    add an empty migration`;

const initial = '20261128000000_initial.sql';
const migrations = path.join(import.meta.dirname, 'migrations');

class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The schema files of a folder, concatenated in the order of their names. */
export async function readSchemas(directory: string): Promise<string> {
  const files = (await sqlFiles(directory)).map((name) => readFile(path.join(directory, name), 'utf8'));
  return (await Promise.all(files)).join('\n');
}

async function regenerateInitial(): Promise<string> {
  const changelog = await readFile(path.join(import.meta.dirname, '../CHANGELOG.md'), 'utf8');
  if (/^## v?\d+\.\d+\.\d+/m.test(changelog)) {
    throw new UsageError(
      'CHANGELOG.md lists a release, so databases may have applied the initial migration. Add a migration: make migration NAME=…',
    );
  }
  if ((await sqlFiles(migrations)).some((name) => name !== initial)) {
    throw new UsageError('Other migrations build on the initial one. Add a migration: make migration NAME=…');
  }
  const header = '-- Generated from supabase/schemas by `make initial-migration`; edit the files there.\n\n';
  await writeFile(
    path.join(migrations, initial),
    header + (await readSchemas(path.join(import.meta.dirname, 'schemas'))),
  );
  return `Generated supabase/migrations/${initial}. Databases that applied it before must be replaced by new ones.`;
}

async function addMigration(name: string): Promise<string> {
  if (!/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name)) {
    throw new UsageError(
      `${JSON.stringify(name)} is not a name for a migration: use lower-case words joined by _, such as add_message_note`,
    );
  }
  const existing = await sqlFiles(migrations);
  if (existing.some((file) => file.slice(15) === `${name}.sql`)) {
    throw new UsageError(`There is a migration ${name} already: choose another name`);
  }
  const now = new Date().toISOString().replaceAll(/\D/g, '').slice(0, 14);
  const afterNewest = BigInt(existing.at(-1)?.slice(0, 14) ?? 0) + 1n;
  const version = BigInt(now) > afterNewest ? now : String(afterNewest);
  const file = `${version}_${name}.sql`;
  await writeFile(path.join(migrations, file), '', { flag: 'wx' });
  return `Created supabase/migrations/${file}.
Write the statements there that bring a database from the previous state to supabase/schemas. Then run
  npx vitest run --project integration tests/integration/storage/database/schema.test.ts
which names every object that still differs.`;
}

async function sqlFiles(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
}

async function run(args: readonly string[]): Promise<string> {
  const [command, name] = args;
  if (command === 'initial' && args.length === 1) return await regenerateInitial();
  if (command === 'new' && name !== undefined && args.length === 2) return await addMigration(name);
  throw new UsageError(usage);
}

if (import.meta.main) {
  try {
    process.stdout.write(`${await run(process.argv.slice(2))}\n`);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
