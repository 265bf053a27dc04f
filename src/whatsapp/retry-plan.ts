import { Backoff } from '../lib/backoff.ts';
import type { NextStep } from './disconnect-policy.ts';
import type { SessionTimings } from './timings.ts';

/** When the next socket may be tried. A connection that held for a while makes the plan begin anew. */
export class RetryPlan {
  readonly #backoff: Backoff;
  readonly #stableAfterMs: number;
  #tries = 0;

  constructor(timings: SessionTimings, random: () => number) {
    this.#backoff = new Backoff({ firstMs: timings.backoffFirstMs, maxMs: timings.backoffMaxMs }, random);
    this.#stableAfterMs = timings.stableAfterMs;
  }

  /** Sockets tried since the last one that held. */
  get tries(): number {
    return this.#tries;
  }

  reset(): void {
    this.#backoff.reset();
    this.#tries = 0;
  }

  connectionHeld(openForMs: number): void {
    if (openForMs >= this.#stableAfterMs) this.reset();
  }

  nextDelayMs(next?: NextStep): number {
    const fixed = next?.action === 'retry' ? next.delaysMs : [];
    const delayMs = fixed[this.#tries] ?? fixed.at(-1) ?? this.#backoff.nextMs();
    this.#tries += 1;
    return delayMs;
  }
}
