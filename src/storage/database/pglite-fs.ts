import { existsSync, readdirSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { NodeFS } from '@electric-sql/pglite/nodefs';

/** File times advance by ticks of up to 10 ms: a file changed this lately may change again and look the same. */
const racyNs = 20_000_000n;

const segmentName = /^[0-9A-F]{24}$/;

/**
 * PGlite's directory storage, made durable: PGlite runs with `fsync=off`, so after each write this flushes the segments
 * of the write-ahead log that changed. What was committed then survives a power cut as far as the log reaches back.
 */
export class SyncedNodeFs extends NodeFS {
  readonly #walDirectory: string;
  readonly #flushed = new Map<string, bigint>();
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(directory: string) {
    super(directory);
    this.#walDirectory = path.join(directory, 'pg_wal');
  }

  /** Resolves when everything written before the call is on disk; calls that wait together share one flush. */
  override async syncToFs(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#flush().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    this.#next ??= this.#afterRunning();
    return this.#next;
  }

  async #afterRunning(): Promise<void> {
    // What fails there is reported to those who wait for it.
    await this.#running?.catch(() => {});
    this.#next = undefined;
    return this.syncToFs();
  }

  async #flush(): Promise<void> {
    const segments = this.#changedSegments();
    for (const segment of segments) {
      await flushed(path.join(this.#walDirectory, segment.name), (file) => file.datasync());
    }
    // A new segment must also be found again.
    if (segments.some(({ name }) => !this.#flushed.has(name))) {
      await flushed(this.#walDirectory, (directory) => directory.sync());
    }
    for (const { name, changedNs, racy } of segments) this.#flushed.set(name, racy ? -1n : changedNs);
  }

  #changedSegments(): { name: string; changedNs: bigint; racy: boolean }[] {
    if (!existsSync(this.#walDirectory)) return [];
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    return readdirSync(this.#walDirectory)
      .filter((name) => segmentName.test(name))
      .map((name) => {
        const changedNs = statSync(path.join(this.#walDirectory, name), { bigint: true }).mtimeNs;
        return { name, changedNs, racy: changedNs > nowNs - racyNs };
      })
      .filter(({ name, changedNs }) => this.#flushed.get(name) !== changedNs);
  }
}

async function flushed(
  target: string,
  flush: (handle: Awaited<ReturnType<typeof open>>) => Promise<void>,
): Promise<void> {
  const handle = await open(target, 'r').catch((error: unknown) => {
    // Recycled by a checkpoint meanwhile: what it held has been applied.
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
