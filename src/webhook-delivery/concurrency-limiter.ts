import type { CompanyId } from '../domain/ids.ts';
import { elapsedBackoff, equalJitter } from '../lib/async/backoff.ts';

export type ConcurrencyLimiterOptions = Readonly<{
  /** Of one company. */
  maxConcurrent: number;
  now: () => Date;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

type CompanyLoad = { running: number; blockedSinceMs: number | undefined };

const backoffBounds = { minMs: 4_000, maxMs: 60_000 };

/**
 * A few works of each company at once. Whoever finds no lane free is told when to ask again: in 2 to 4 seconds, and the longer
 * nothing has succeeded the later, up to 30 to 60.
 */
export class ConcurrencyLimiter {
  readonly #options: ConcurrencyLimiterOptions;
  /** Of companies that have work under way, or are stuck. */
  readonly #loads = new Map<CompanyId, CompanyLoad>();

  constructor(options: ConcurrencyLimiterOptions) {
    this.#options = options;
  }

  /** @returns how long to wait when no lane is free; rejects as the work does */
  async run(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>> {
    const load = this.#loads.get(companyId) ?? { running: 0, blockedSinceMs: undefined };
    if (load.running >= this.#options.maxConcurrent) return { retryAfterMs: this.#retryAfterMs(load) };
    this.#loads.set(companyId, load);
    load.running += 1;
    try {
      await work();
      load.blockedSinceMs = undefined;
      return 'done';
    } finally {
      load.running -= 1;
      if (load.running === 0 && load.blockedSinceMs === undefined) this.#loads.delete(companyId);
    }
  }

  #retryAfterMs(load: CompanyLoad): number {
    const nowMs = this.#options.now().getTime();
    load.blockedSinceMs ??= nowMs;
    return elapsedBackoff(nowMs - load.blockedSinceMs, {
      ...backoffBounds,
      jitter: equalJitter(this.#options.random),
    });
  }
}
