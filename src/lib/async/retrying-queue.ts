import { setTimeout as delay } from 'node:timers/promises';
import { KeyedMutex } from './keyed-mutex.ts';
import type { OutageMonitor } from './outage-monitor.ts';

export type RetryingQueueOptions = Readonly<{
  /** Whether a failure is an outage, which ends by itself. */
  isOutage: (error: unknown) => boolean;
  outage: OutageMonitor;
  /** A task that is given up. */
  onTaskFailed: (error: unknown) => void;
  /** Tasks that may wait at once; what comes when there are as many is given up. */
  maxPending?: number;
}>;

/** As many tasks are under way at once. */
const shardCount = 8;
const retryBackoff = { minMs: 250, maxMs: 5_000 };

/**
 * Tasks that nobody waits for and that an outage must not undo: each is tried until it succeeds, and those of one key keep
 * their order. They wait in memory: an end of the process during the outage gives them up.
 */
export class RetryingQueue implements AsyncDisposable {
  readonly #options: RetryingQueueOptions;
  readonly #maxPending: number;
  readonly #shards = new KeyedMutex<number>();
  readonly #stopping = new AbortController();
  #pending = 0;

  constructor(options: RetryingQueueOptions) {
    this.#options = options;
    this.#maxPending = options.maxPending ?? 10_000;
  }

  run(key: string, task: () => Promise<void>): void {
    void this.#runInOrder(key, task).catch(this.#options.onTaskFailed);
  }

  /** Resolves when every task has succeeded or was given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#shards.settled();
  }

  async #runInOrder(key: string, task: () => Promise<void>): Promise<void> {
    if (this.#pending >= this.#maxPending) throw new Error('Retry queue full: too many pending tasks');
    this.#pending += 1;
    try {
      await this.#shards.run(shardFor(key), () => this.#runUntilSuccess(task));
    } finally {
      this.#pending -= 1;
    }
  }

  async #runUntilSuccess(task: () => Promise<void>): Promise<void> {
    const { isOutage, outage } = this.#options;
    while (true) {
      if (this.#stopping.signal.aborted && outage.ongoing)
        throw new Error('Process stopped during an outage');
      try {
        await task();
        outage.success();
        return;
      } catch (error) {
        if (!isOutage(error)) throw error;
        await this.#pause(outage.failure(error, retryBackoff));
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#stopping.signal });
    } catch {
      // Process stopping.
    }
  }
}

function shardFor(key: string): number {
  let codePointSum = 0;
  for (const character of key) codePointSum += character.codePointAt(0) ?? 0;
  return codePointSum % shardCount;
}
