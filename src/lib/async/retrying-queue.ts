import { setTimeout as delay } from 'node:timers/promises';
import { KeyedQueue } from './keyed-mutex.ts';
import type { Outage } from './outage-monitor.ts';

export type PatientTasksOptions = Readonly<{
  /** Whether a failure is an outage, which ends by itself. */
  isOutage: (error: unknown) => boolean;
  outage: Outage;
  /** A task that is given up. */
  failed: (error: unknown) => void;
  /** Tasks that may wait at once; what comes when there are as many is given up. */
  limit?: number;
}>;

/** As many tasks are under way at once. */
const lanes = 8;
const waitMs = { shortest: 250, longest: 5_000 };

/**
 * Tasks that nobody waits for and that an outage must not undo: each is tried until it succeeds, and those of one key keep
 * their order. They wait in memory: an end of the process during the outage gives them up.
 */
export class PatientTasks implements AsyncDisposable {
  readonly #options: PatientTasksOptions;
  readonly #limit: number;
  readonly #lanes = new KeyedQueue<number>();
  readonly #ending = new AbortController();
  #waiting = 0;

  constructor(options: PatientTasksOptions) {
    this.#options = options;
    this.#limit = options.limit ?? 10_000;
  }

  run(key: string, task: () => Promise<void>): void {
    void this.#inTurn(key, task).catch(this.#options.failed);
  }

  /** Resolves when every task has succeeded or was given up. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#lanes.settled();
  }

  async #inTurn(key: string, task: () => Promise<void>): Promise<void> {
    if (this.#waiting >= this.#limit) throw new Error('Too many tasks wait for the end of an outage');
    this.#waiting += 1;
    try {
      await this.#lanes.run(laneOf(key), () => this.#persist(task));
    } finally {
      this.#waiting -= 1;
    }
  }

  async #persist(task: () => Promise<void>): Promise<void> {
    const { isOutage, outage } = this.#options;
    while (true) {
      if (this.#ending.signal.aborted && outage.lasts)
        throw new Error('The process ends before the outage does');
      try {
        await task();
        outage.over();
        return;
      } catch (error) {
        if (!isOutage(error)) throw error;
        await this.#pause(outage.felt(error, waitMs));
      }
    }
  }

  async #pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#ending.signal });
    } catch {
      // The process ends.
    }
  }
}

function laneOf(key: string): number {
  let sum = 0;
  for (const letter of key) sum += letter.codePointAt(0) ?? 0;
  return sum % lanes;
}
