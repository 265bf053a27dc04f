import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PgliteDatabase } from '../src/storage/database/pglite.ts';

const root = path.resolve(import.meta.dirname, '..');

/** Copies a cached, empty embedded database into `directory`; creating one takes seconds. */
export async function copyDatabaseTemplate(directory: string): Promise<void> {
  mkdirSync(path.dirname(directory), { recursive: true });
  cpSync(await databaseTemplate(), directory, { recursive: true });
}

/** Creates the template once per PGlite version; concurrent test processes rename theirs, and the first one wins. */
async function databaseTemplate(): Promise<string> {
  const cache = path.join(root, 'node_modules/.cache/marketplace-tests');
  const cached = path.join(cache, `pglite-${installedVersion()}`);
  if (existsSync(cached)) return cached;
  const temporary = path.join(cache, `draft-${process.pid}`);
  const database = await PgliteDatabase.open({
    directory: path.join(temporary, 'pg'),
    now: () => new Date(),
    onError: (error) => {
      throw error;
    },
  });
  await database[Symbol.asyncDispose]();
  try {
    renameSync(path.join(temporary, 'pg'), cached);
  } catch (error) {
    if (!existsSync(cached)) throw error;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return cached;
}

function installedVersion(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(path.join(root, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'),
  );
  return String((manifest as { version: unknown }).version);
}
