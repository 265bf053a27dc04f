import { Alarm } from '../../lib/async/timers.ts';
import { Backoff } from '../../lib/async/backoff.ts';
import type { NextStep } from './disconnect-policy.ts';
import type { ReconnectBudget } from './reconnect-budget.ts';
import type { SessionDependencies } from './dependencies.ts';
import type { SessionTimings } from '../timeouts.ts';

/** With full jitter about three minutes. */
const attemptsUntilLong = 10;

/** The next attempt to connect a session. A connection that held for a while makes the delays begin anew. */
export class Retries {
  readonly #timings: SessionTimings;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #budget: ReconnectBudget;
  readonly #alarm: Alarm;
  #tries = 0;

  /** @param run how a due attempt is run; it may have to wait for the changes of its session before it */
  constructor(
    { timings, random, budget }: Pick<SessionDependencies, 'timings' | 'random' | 'budget'>,
    run: (attempt: () => Promise<void>) => void,
  ) {
    this.#timings = timings;
    this.#random = random;
    this.#budget = budget;
    const { backoffFirstMs: firstMs, backoffMaxMs: maxMs, backoffLongMaxMs } = timings;
    const patience = { afterAttempts: attemptsUntilLong, maxMs: backoffLongMaxMs };
    this.#backoff = new Backoff({ firstMs, maxMs, patience }, random);
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

  /** @returns whether that was long enough to begin anew */
  connectionHeld(openForMs: number): boolean {
    const hasHeld = openForMs >= this.#timings.stableAfterMs;
    if (hasHeld) this.reset();
    return hasHeld;
  }

  /** After the time that the policy sets, else after the back-off. */
  schedule(attempt: () => Promise<void>, next?: NextStep): void {
    const delayMs = next?.action === 'retry' ? next.delayMs : this.#backoff.nextMs();
    this.#tries += 1;
    this.#alarm.set(delayMs, attempt);
  }

  /** When its turn comes among all sessions, which may be at once. */
  async inTurn(attempt: () => Promise<void>): Promise<void> {
    const waitMs = this.#budget.take();
    if (waitMs === 0) return attempt();
    this.#alarm.set(waitMs, attempt);
  }

  /** When the instance that holds the lease may have let go of it. */
  scheduleForLease(attempt: () => Promise<void>): void {
    this.#alarm.set(this.#timings.leaseRetryMs * (0.5 + this.#random()), attempt);
  }

  cancel(): void {
    this.#alarm.clear();
  }
}
