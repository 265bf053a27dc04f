import { setTimeout as delay } from 'node:timers/promises';
import { KeyedMutex } from './keyed-mutex.ts';
import type { OutageMonitor } from './outage-monitor.ts';

export type RetryingQueueDeps = Readonly<{
  /** Whether an error is an outage, after which the task is retried. */
  isOutage: (error: unknown) => boolean;
  outage: OutageMonitor;
  /** Called with the error of a dropped task. */
  onTaskFailed: (error: unknown) => void;
}>;

export type RetryingQueueOptions = Readonly<{
  /** Tasks beyond this number are dropped. Default: 10,000. */
  maxPending?: number;
}>;

/** Tasks in flight at once. */
const shardCount = 8;
const retryBackoff = { minMs: 250, maxMs: 5_000 };

/** In-memory queue that retries tasks through an outage, in order per key. Pending tasks are lost on exit. */
export class RetryingQueue implements AsyncDisposable {
  readonly #deps: RetryingQueueDeps;
  readonly #maxPending: number;
  readonly #shards = new KeyedMutex<number>();
  readonly #stopping = new AbortController();
  #pending = 0;

  constructor(deps: RetryingQueueDeps, options: RetryingQueueOptions = {}) {
    this.#deps = deps;
    this.#maxPending = options.maxPending ?? 10_000;
  }

  /** Enqueues a task. Never throws. */
  run(key: string, task: () => Promise<void>): void {
    void this.#runInOrder(key, task).catch(this.#deps.onTaskFailed);
  }

  /** Drains the queue. Tasks that fail during an outage are dropped instead of retried. */
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
    const { isOutage, outage } = this.#deps;
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
