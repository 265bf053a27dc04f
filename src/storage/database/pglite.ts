import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { Transaction } from '@electric-sql/pglite';
import { DirectoryLock } from '../../lib/directory-lock.ts';
import { PgliteFs } from './pglite-fs.ts';
import type { Row, SqlDatabase, SqlTransaction } from './sql.ts';

/** Postgres version of the pinned PGlite. It cannot open data directories of another major version. */
const majorVersion = '18';

/** With PGlite's defaults the process uses 377 MB, with these about 200 MB. */
const settings = ['shared_buffers=8MB', 'wal_buffers=1MB', 'max_wal_size=64MB'];

/** Local hour of the daily vacuum. */
const vacuumHour = 4;

export type PgliteDatabaseOptions = Readonly<{
  /** Data directory; created if missing. */
  directory: string;
  onError: (error: unknown) => void;
  now: () => Date;
  checkpointIntervalMs?: number;
}>;

/** The data directory was written by another major version of Postgres. */
export class UnusableDirectoryError extends Error {
  override readonly name = 'UnusableDirectoryError';
}

/** In-process Postgres on a directory locked against other processes. */
export class PgliteDatabase implements SqlDatabase, AsyncDisposable {
  /** For pg-boss, which brings its own adapter. */
  readonly pglite: PGlite;
  readonly #lock: DirectoryLock;
  readonly #fs: PgliteFs;
  readonly #options: PgliteDatabaseOptions;
  readonly #checkpointTimer: NodeJS.Timeout;
  #vacuumedOn = '';

  private constructor(pglite: PGlite, fs: PgliteFs, lock: DirectoryLock, options: PgliteDatabaseOptions) {
    this.pglite = pglite;
    this.#fs = fs;
    this.#lock = lock;
    this.#options = options;
    // PGlite has no background workers: without checkpoints the write-ahead log grows without limit.
    this.#checkpointTimer = setInterval(() => void this.#maintain(), options.checkpointIntervalMs ?? 180_000);
    this.#checkpointTimer.unref();
  }

  /** @throws DirectoryInUseError, UnusableDirectoryError */
  static async open(options: PgliteDatabaseOptions): Promise<PgliteDatabase> {
    const directory = path.resolve(options.directory);
    mkdirSync(path.dirname(directory), { recursive: true });
    const lock = new DirectoryLock(
      directory,
      `Embedded database ${directory} is in use by another process. Stop it, use a separate DATA_DIR, or share one database with DATABASE_URL.`,
    );
    try {
      await initialiseCluster(directory);
      // PGlite creates world-writable files, and they contain personal data.
      chmodSync(directory, 0o700);
      const { pglite, fs } = await createPglite(directory);
      return new PgliteDatabase(pglite, fs, lock, options);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  async transaction<Result>(work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result> {
    const result = await this.pglite.transaction((transaction) => work(toSqlTransaction(transaction)));
    // PGlite syncs after single statements, but not after the commit of a transaction.
    await this.#fs.syncToFs();
    return result;
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.pglite.query<Record<string, unknown>>(text, [...values])).rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#checkpointTimer);
    try {
      await this.pglite.close();
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  async #maintain(): Promise<void> {
    try {
      const now = this.#options.now();
      if (now.getHours() === vacuumHour && this.#vacuumedOn !== now.toDateString()) {
        this.#vacuumedOn = now.toDateString();
        await this.pglite.exec('vacuum analyze');
      }
      await this.pglite.exec('checkpoint');
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

/** Creates the cluster in a sibling directory and renames it, so that an interrupted start leaves no partial cluster. */
async function initialiseCluster(directory: string): Promise<void> {
  const versionFile = path.join(directory, 'PG_VERSION');
  if (existsSync(versionFile)) {
    const foundVersion = readFileSync(versionFile, 'utf8').trim();
    if (foundVersion === majorVersion) return;
    throw new UnusableDirectoryError(
      `The embedded database in ${directory} was written by Postgres ${foundVersion}; this release reads Postgres ${majorVersion}. ` +
        'Dump it with the release that wrote it and restore the dump into a new directory.',
    );
  }
  const newDirectory = `${directory}.new`;
  rmSync(newDirectory, { recursive: true, force: true });
  const { pglite } = await createPglite(newDirectory);
  await pglite.close();
  rmSync(directory, { recursive: true, force: true });
  renameSync(newDirectory, directory);
}

async function createPglite(directory: string): Promise<{ pglite: PGlite; fs: PgliteFs }> {
  const fs = new PgliteFs(directory);
  const pglite = await PGlite.create({
    fs,
    startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ['-c', setting])],
  });
  return { pglite, fs };
}

function toSqlTransaction(transaction: Transaction): SqlTransaction {
  return {
    query: async (text, values = []) =>
      (await transaction.query<Record<string, unknown>>(text, [...values])).rows,
    exec: async (text) => {
      await transaction.exec(text);
    },
  };
}
