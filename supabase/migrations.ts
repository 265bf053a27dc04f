import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

export type SchemaFolders = Readonly<{ schemas: string; migrations: string }>;

const initial = '20261128000000_initial.sql';

/** Rewrites the initial migration from the schema files. @returns its path */
export async function writeInitialMigration({ schemas, migrations }: SchemaFolders): Promise<string> {
  const header = '-- Generated from supabase/schemas by `make initial-migration`; edit the files there.\n';
  const file = path.join(migrations, initial);
  await writeFile(file, `${header}\n${await readSchemas(schemas)}`);
  return file;
}

/** The schema files of a folder, concatenated in the order of their names. */
export async function readSchemas(directory: string): Promise<string> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  const files = names.map((name) => readFile(path.join(directory, name), 'utf8'));
  return (await Promise.all(files)).join('\n');
}

if (import.meta.main) {
  const folder = (name: string): string => path.join(import.meta.dirname, name);
  const file = await writeInitialMigration({ schemas: folder('schemas'), migrations: folder('migrations') });
  process.stdout.write(`Generated ${path.relative(process.cwd(), file)}\n`);
}
