import { ReplaceableTimer } from '../../lib/async/timers.ts';
import { centeredJitter, exponentialBackoff, fullJitter } from '../../lib/async/backoff.ts';
import type { NextStep } from './disconnect-policy.ts';
import type { SessionTimeouts } from '../timeouts.ts';

export type ReconnectSchedulerDeps = Readonly<{
  timeouts: SessionTimeouts;
  random: () => number;
  /** Shared by all sessions. */
  reconnectRateLimiter: ReconnectRateLimiter;
}>;

/** With full jitter about three minutes. */
const attemptsBeforeLongBackoff = 10;

/** The next attempt to connect a session. A connection that held for a while makes the delays begin anew. */
export class ReconnectScheduler {
  readonly #timeouts: SessionTimeouts;
  readonly #random: () => number;
  readonly #rateLimiter: ReconnectRateLimiter;
  readonly #timer: ReplaceableTimer;
  #attempts = 0;
  /** Attempts whose delay the back-off set. */
  #backoffAttempts = 0;

  /** @param run how a due attempt is run; it may have to wait for the changes of its session before it */
  constructor(
    { timeouts, random, reconnectRateLimiter }: ReconnectSchedulerDeps,
    run: (attempt: () => Promise<void>) => void,
  ) {
    this.#timeouts = timeouts;
    this.#random = random;
    this.#rateLimiter = reconnectRateLimiter;
    this.#timer = new ReplaceableTimer(run);
  }

  /** Sockets tried since the last one that held. */
  get attempts(): number {
    return this.#attempts;
  }

  reset(): void {
    this.#attempts = 0;
    this.#backoffAttempts = 0;
  }

  /** @returns whether that was long enough to begin anew */
  resetIfStable(openForMs: number): boolean {
    const wasStable = openForMs >= this.#timeouts.stableAfterMs;
    if (wasStable) this.reset();
    return wasStable;
  }

  /** After the time that the policy sets, else after the back-off. */
  schedule(attempt: () => Promise<void>, next?: NextStep): void {
    const delayMs = next?.action === 'retry' ? next.delayMs : this.#nextBackoffMs();
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
    this.#timer.set(centeredJitter(this.#random)(this.#timeouts.leaseRetryDelayMs), attempt);
  }

  cancel(): void {
    this.#timer.clear();
  }

  #nextBackoffMs(): number {
    const { backoffBaseMs, backoffMaxMs, backoffLongMaxMs } = this.#timeouts;
    this.#backoffAttempts += 1;
    return exponentialBackoff(this.#backoffAttempts, {
      baseMs: backoffBaseMs,
      maxMs: this.#backoffAttempts > attemptsBeforeLongBackoff ? backoffLongMaxMs : backoffMaxMs,
      jitter: fullJitter(this.#random),
    });
  }
}

/**
 * The pace at which all sessions of this process open sockets by themselves, after a loss or a restart: hundreds that are
 * closed at once come back one after another. Whoever takes a turn may come when it is due.
 */
export class ReconnectRateLimiter {
  readonly #intervalMs: number;
  readonly #monotonicMs: () => number;
  #nextSlotAtMs = 0;

  constructor(perSecond: number, monotonicMs: () => number) {
    this.#intervalMs = 1_000 / perSecond;
    this.#monotonicMs = monotonicMs;
  }

  /** Takes the next turn that is free. @returns how long until it is due, in milliseconds */
  reserve(): number {
    const nowMs = this.#monotonicMs();
    const slotAtMs = Math.max(nowMs, this.#nextSlotAtMs);
    this.#nextSlotAtMs = slotAtMs + this.#intervalMs;
    return slotAtMs - nowMs;
  }
}
