import { ReplaceableTimer } from '../../lib/async/timers.ts';
import { Backoff } from '../../lib/async/backoff.ts';
import type { NextStep } from './disconnect-policy.ts';
import type { ReconnectRateLimiter } from './reconnect-budget.ts';
import type { SessionDependencies } from './dependencies.ts';
import type { SessionTimeouts } from '../timeouts.ts';

/** With full jitter about three minutes. */
const attemptsBeforeLongBackoff = 10;

/** The next attempt to connect a session. A connection that held for a while makes the delays begin anew. */
export class ReconnectScheduler {
  readonly #timeouts: SessionTimeouts;
  readonly #random: () => number;
  readonly #backoff: Backoff;
  readonly #rateLimiter: ReconnectRateLimiter;
  readonly #timer: ReplaceableTimer;
  #attempts = 0;

  /** @param run how a due attempt is run; it may have to wait for the changes of its session before it */
  constructor(
    {
      timeouts,
      random,
      reconnectRateLimiter,
    }: Pick<SessionDependencies, 'timeouts' | 'random' | 'reconnectRateLimiter'>,
    run: (attempt: () => Promise<void>) => void,
  ) {
    this.#timeouts = timeouts;
    this.#random = random;
    this.#rateLimiter = reconnectRateLimiter;
    const { backoffBaseMs: firstMs, backoffMaxMs: maxMs, backoffLongMaxMs } = timeouts;
    const patience = { afterAttempts: attemptsBeforeLongBackoff, maxMs: backoffLongMaxMs };
    this.#backoff = new Backoff({ baseMs: firstMs, maxMs, slowPhase: patience }, random);
    this.#timer = new ReplaceableTimer(run);
  }

  /** Sockets tried since the last one that held. */
  get attempts(): number {
    return this.#attempts;
  }

  reset(): void {
    this.#backoff.reset();
    this.#attempts = 0;
  }

  /** @returns whether that was long enough to begin anew */
  resetIfStable(openForMs: number): boolean {
    const wasStable = openForMs >= this.#timeouts.stableAfterMs;
    if (wasStable) this.reset();
    return wasStable;
  }

  /** After the time that the policy sets, else after the back-off. */
  schedule(attempt: () => Promise<void>, next?: NextStep): void {
    const delayMs = next?.action === 'retry' ? next.delayMs : this.#backoff.nextDelayMs();
    this.#attempts += 1;
    this.#timer.set(delayMs, attempt);
  }

  /** When its turn comes among all sessions, which may be at once. */
  async runRateLimited(attempt: () => Promise<void>): Promise<void> {
    const waitMs = this.#rateLimiter.reserve();
    if (waitMs === 0) return attempt();
    this.#timer.set(waitMs, attempt);
  }

  /** When the instance that holds the lease may have let go of it. */
  scheduleLeaseRetry(attempt: () => Promise<void>): void {
    this.#timer.set(this.#timeouts.leaseRetryDelayMs * (0.5 + this.#random()), attempt);
  }

  cancel(): void {
    this.#timer.clear();
  }
}
