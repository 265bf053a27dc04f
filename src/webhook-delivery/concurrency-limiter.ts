import type { CompanyId } from '../domain/ids.ts';
import { growingWaitMs } from '../lib/async/growing-wait.ts';

export type LanesOptions = Readonly<{
  /** Of one company. */
  lanes: number;
  now: () => Date;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

type Traffic = { inLanes: number; stuckSinceMs: number | undefined };

const waits = { shortestMs: 4_000, longestMs: 60_000 };

/**
 * A few works of each company at once. Whoever finds no lane free is told when to ask again: in 2 to 4 seconds, and the longer
 * nothing has succeeded the later, up to 30 to 60.
 */
export class Lanes {
  readonly #options: LanesOptions;
  /** Of companies that have work under way, or are stuck. */
  readonly #traffic = new Map<CompanyId, Traffic>();

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** @returns how long to wait when no lane is free; rejects as the work does */
  async run(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>> {
    const traffic = this.#traffic.get(companyId) ?? { inLanes: 0, stuckSinceMs: undefined };
    if (traffic.inLanes >= this.#options.lanes) return { retryAfterMs: this.#waitMs(traffic) };
    this.#traffic.set(companyId, traffic);
    traffic.inLanes += 1;
    try {
      await work();
      traffic.stuckSinceMs = undefined;
      return 'done';
    } finally {
      traffic.inLanes -= 1;
      if (traffic.inLanes === 0 && traffic.stuckSinceMs === undefined) this.#traffic.delete(companyId);
    }
  }

  #waitMs(traffic: Traffic): number {
    const nowMs = this.#options.now().getTime();
    traffic.stuckSinceMs ??= nowMs;
    return growingWaitMs(nowMs - traffic.stuckSinceMs, waits, this.#options.random);
  }
}
