import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import type { Transaction } from '@electric-sql/pglite';
import { DirectoryLock } from '../../lib/directory-lock.ts';
import type { Row, SqlDatabase, SqlSession } from './sql.ts';
import { SyncedNodeFs } from './pglite-fs.ts';

/** The Postgres inside the pinned PGlite; it opens directories of this major version alone. */
const majorVersion = '18';

/** PGlite's own defaults take 377 MB; with these the process stays near 200 MB. */
const settings = ['shared_buffers=8MB', 'wal_buffers=1MB', 'max_wal_size=64MB'];

/** Local hour of the day at which the tables are vacuumed. */
const quietHour = 4;

export type EmbeddedPostgresOptions = Readonly<{
  /** Holds the data; made when missing. */
  directory: string;
  onError: (error: unknown) => void;
  now: () => Date;
  checkpointIntervalMs?: number;
}>;

export class UnusableDirectoryError extends Error {
  override readonly name = 'UnusableDirectoryError';
}

/** Postgres in this process, on a directory that no other process can open meanwhile. */
export class EmbeddedPostgres implements SqlDatabase, AsyncDisposable {
  /** For pg-boss, which brings its own adapter. */
  readonly pglite: PGlite;
  readonly #lock: DirectoryLock;
  readonly #files: SyncedNodeFs;
  readonly #options: EmbeddedPostgresOptions;
  readonly #timer: NodeJS.Timeout;
  #vacuumedOn = '';

  private constructor(
    pglite: PGlite,
    files: SyncedNodeFs,
    lock: DirectoryLock,
    options: EmbeddedPostgresOptions,
  ) {
    this.pglite = pglite;
    this.#files = files;
    this.#lock = lock;
    this.#options = options;
    // PGlite has no background workers: without checkpoints its log would grow without end.
    this.#timer = setInterval(() => void this.#maintain(), options.checkpointIntervalMs ?? 180_000);
    this.#timer.unref();
  }

  /** @throws DirectoryInUseError, UnusableDirectoryError */
  static async open(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const directory = path.resolve(options.directory);
    mkdirSync(path.dirname(directory), { recursive: true });
    const lock = new DirectoryLock(
      directory,
      `Another running process uses the embedded database in ${directory}. Stop it first, or give each a DATA_DIR of its own, and both one DATABASE_URL to share a database.`,
    );
    try {
      await initialise(directory);
      // PGlite lets everybody read and write its files, which hold people's names and numbers.
      chmodSync(directory, 0o700);
      const { pglite, files } = await start(directory);
      return new EmbeddedPostgres(pglite, files, lock, options);
    } catch (error) {
      lock[Symbol.dispose]();
      throw error;
    }
  }

  async transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result> {
    const result = await this.pglite.transaction((transaction) => work(sessionOn(transaction)));
    // PGlite flushes after single statements, but not after the commit of a transaction.
    await this.#files.syncToFs();
    return result;
  }

  async query(text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
    return (await this.pglite.query<Record<string, unknown>>(text, [...values])).rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    try {
      await this.pglite.close();
    } finally {
      this.#lock[Symbol.dispose]();
    }
  }

  async #maintain(): Promise<void> {
    try {
      const now = this.#options.now();
      if (now.getHours() === quietHour && this.#vacuumedOn !== now.toDateString()) {
        this.#vacuumedOn = now.toDateString();
        await this.pglite.exec('vacuum analyze');
      }
      await this.pglite.exec('checkpoint');
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

/** Makes the cluster beside the directory and moves it there whole, so that an interrupted start leaves no half of one. */
async function initialise(directory: string): Promise<void> {
  const versionFile = path.join(directory, 'PG_VERSION');
  if (existsSync(versionFile)) {
    const found = readFileSync(versionFile, 'utf8').trim();
    if (found === majorVersion) return;
    throw new UnusableDirectoryError(
      `The embedded database in ${directory} was written by Postgres ${found}; this release reads Postgres ${majorVersion}. ` +
        'Dump it with the release that wrote it and restore the dump into a new directory.',
    );
  }
  const prepared = `${directory}.new`;
  rmSync(prepared, { recursive: true, force: true });
  const { pglite } = await start(prepared);
  await pglite.close();
  rmSync(directory, { recursive: true, force: true });
  renameSync(prepared, directory);
}

async function start(directory: string): Promise<{ pglite: PGlite; files: SyncedNodeFs }> {
  const files = new SyncedNodeFs(directory);
  const pglite = await PGlite.create({
    fs: files,
    startParams: [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ['-c', setting])],
  });
  return { pglite, files };
}

function sessionOn(transaction: Transaction): SqlSession {
  return {
    query: async (text, values = []) =>
      (await transaction.query<Record<string, unknown>>(text, [...values])).rows,
    exec: async (text) => {
      await transaction.exec(text);
    },
  };
}
