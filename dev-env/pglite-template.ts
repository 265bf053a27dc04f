import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PgliteDatabase } from '../src/storage/database/pglite.ts';

const root = path.resolve(import.meta.dirname, '..');

/** Fills `directory` with a fresh, empty embedded database in a fraction of the time that making one takes. */
export async function copyDatabaseTemplate(directory: string): Promise<void> {
  mkdirSync(path.dirname(directory), { recursive: true });
  cpSync(await databaseTemplate(), directory, { recursive: true });
}

/** Made once for each version of PGlite and kept; test processes that make it at once agree on one. */
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
