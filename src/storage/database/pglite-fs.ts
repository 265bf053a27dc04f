import { existsSync, readdirSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** File times have a granularity of up to 10 ms: a file modified more recently can change without a new mtime. */
const racyWindowNs = 20_000_000n;

const segmentName = /^[0-9A-F]{24}$/;

/**
 * Durable file system for PGlite, which runs with `fsync=off`: flushes the changed segments of the write-ahead log after each
 * write, so that commits survive a power failure.
 */
export class PgliteFs extends NodeFS {
  readonly #walDirectory: string;
  readonly #flushedMtimeNs = new Map<string, bigint>();
  #currentFlush: Promise<void> | undefined;
  #nextFlush: Promise<void> | undefined;

  constructor(directory: string) {
    super(directory);
    this.#walDirectory = path.join(directory, 'pg_wal');
  }

  /** Resolves when all earlier writes are on disk. Waiting calls share one flush. */
  override async syncToFs(): Promise<void> {
    if (this.#currentFlush === undefined) {
      this.#currentFlush = this.#flush().finally(() => {
        this.#currentFlush = undefined;
      });
      return this.#currentFlush;
    }
    this.#nextFlush ??= this.#flushAfterCurrent();
    return this.#nextFlush;
  }

  async #flushAfterCurrent(): Promise<void> {
    // Its own callers receive the error.
    await this.#currentFlush?.catch(() => {});
    this.#nextFlush = undefined;
    return this.syncToFs();
  }

  async #flush(): Promise<void> {
    const segments = this.#changedSegments();
    for (const segment of segments) {
      await flushFile(path.join(this.#walDirectory, segment.name), (file) => file.datasync());
    }
    // A new segment needs its directory entry flushed too.
    if (segments.some(({ name }) => !this.#flushedMtimeNs.has(name))) {
      await flushFile(this.#walDirectory, (directory) => directory.sync());
    }
    for (const { name, mtimeNs, racy } of segments) this.#flushedMtimeNs.set(name, racy ? -1n : mtimeNs);
  }

  #changedSegments(): { name: string; mtimeNs: bigint; racy: boolean }[] {
    if (!existsSync(this.#walDirectory)) return [];
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    return readdirSync(this.#walDirectory)
      .filter((name) => segmentName.test(name))
      .map((name) => {
        const mtimeNs = statSync(path.join(this.#walDirectory, name), { bigint: true }).mtimeNs;
        return { name, mtimeNs, racy: mtimeNs > nowNs - racyWindowNs };
      })
      .filter(({ name, mtimeNs }) => this.#flushedMtimeNs.get(name) !== mtimeNs);
  }
}

async function flushFile(
  target: string,
  flush: (handle: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const handle = await open(target, 'r').catch((error: unknown) => {
    // A checkpoint recycled the segment: its changes have been applied.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (handle === undefined) return;
  try {
    await flush(handle);
  } finally {
    await handle.close();
  }
}
