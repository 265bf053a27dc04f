import type { CompanyId } from '../domain/ids.ts';
import { elapsedBackoff, equalJitter } from '../lib/async/backoff.ts';

export type ConcurrencyLimiterDeps = Readonly<{
  now: () => Date;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

type CompanyLoad = { running: number; blockedSinceMs: number | undefined };

const backoffBounds = { minMs: 4_000, maxMs: 60_000 };

/** Limits concurrent calls per company. A rejected call gets a back-off that grows until a call succeeds. */
export class ConcurrencyLimiter {
  readonly #deps: ConcurrencyLimiterDeps;
  readonly #maxConcurrent: number;
  /** Companies with calls in flight, or without a success since a rejection. */
  readonly #loads = new Map<CompanyId, CompanyLoad>();

  /** @param maxConcurrent per company */
  constructor(deps: ConcurrencyLimiterDeps, maxConcurrent: number) {
    this.#deps = deps;
    this.#maxConcurrent = maxConcurrent;
  }

  /** @returns a back-off when the limit is reached; rejects as the work does */
  async run(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>> {
    const load = this.#loads.get(companyId) ?? { running: 0, blockedSinceMs: undefined };
    if (load.running >= this.#maxConcurrent) return { retryAfterMs: this.#retryAfterMs(load) };
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
    const nowMs = this.#deps.now().getTime();
    load.blockedSinceMs ??= nowMs;
    return elapsedBackoff(nowMs - load.blockedSinceMs, {
      ...backoffBounds,
      jitter: equalJitter(this.#deps.random),
    });
  }
}
