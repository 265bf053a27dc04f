import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { EmbeddedPostgres } from '../src/storage/database/pglite.ts';

const root = path.resolve(import.meta.dirname, '..');

/** Fills `directory` with a fresh, empty embedded database in a fraction of the time that making one takes. */
export async function prepareEmbedded(directory: string): Promise<void> {
  mkdirSync(path.dirname(directory), { recursive: true });
  cpSync(await template(), directory, { recursive: true });
}

/** Made once for each version of PGlite and kept; test processes that make it at once agree on one. */
async function template(): Promise<string> {
  const cache = path.join(root, 'node_modules/.cache/marketplace-tests');
  const kept = path.join(cache, `pglite-${installedVersion()}`);
  if (existsSync(kept)) return kept;
  const draft = path.join(cache, `draft-${process.pid}`);
  const database = await EmbeddedPostgres.open({
    directory: path.join(draft, 'pg'),
    now: () => new Date(),
    onError: (error) => {
      throw error;
    },
  });
  await database[Symbol.asyncDispose]();
  try {
    renameSync(path.join(draft, 'pg'), kept);
  } catch (error) {
    if (!existsSync(kept)) throw error;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return kept;
}

function installedVersion(): string {
  const manifest: unknown = JSON.parse(
    readFileSync(path.join(root, 'node_modules/@electric-sql/pglite/package.json'), 'utf8'),
  );
  return String((manifest as { version: unknown }).version);
}
