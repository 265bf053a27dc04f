import { Alarm } from '../lib/alarm.ts';
import { Backoff } from '../lib/backoff.ts';
import type { NextStep } from './disconnect-policy.ts';
import type { SessionTimings } from './timings.ts';

/** The next attempt to connect a session. A connection that held for a while makes the delays begin anew. */
export class Retries {
  readonly #timings: SessionTimings;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #alarm: Alarm;
  #tries = 0;

  /** @param run how a due attempt is run; it may have to wait for its turn */
  constructor(timings: SessionTimings, random: () => number, run: (attempt: () => Promise<void>) => void) {
    this.#timings = timings;
    this.#random = random;
    this.#backoff = new Backoff({ firstMs: timings.backoffFirstMs, maxMs: timings.backoffMaxMs }, random);
    this.#alarm = new Alarm(run);
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
    if (openForMs >= this.#timings.stableAfterMs) this.reset();
  }

  /** After the time that the policy sets, else after the back-off. */
  schedule(attempt: () => Promise<void>, next?: NextStep): void {
    const fixed = next?.action === 'retry' ? next.delaysMs : [];
    const delayMs = fixed[this.#tries] ?? fixed.at(-1) ?? this.#backoff.nextMs();
    this.#tries += 1;
    this.#alarm.set(delayMs, attempt);
  }

  /** When the instance that holds the lease may have let go of it. */
  scheduleForLease(attempt: () => Promise<void>): void {
    this.#alarm.set(this.#timings.leaseRetryMs * (0.5 + this.#random()), attempt);
  }

  cancel(): void {
    this.#alarm.clear();
  }
}
