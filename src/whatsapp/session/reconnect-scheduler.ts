import { centeredJitter, exponentialBackoff, fullJitter } from '../../lib/async/backoff.ts';
import { ReplaceableTimer } from '../../lib/async/timers.ts';
import type { SessionTimeouts } from '../timeouts.ts';
import type { NextStep } from './disconnect-policy.ts';

export type ReconnectSchedulerDeps = Readonly<{
  timeouts: SessionTimeouts;
  random: () => number;
  /** Shared by all sessions. */
  reconnectRateLimiter: ReconnectRateLimiter;
}>;

/** About three minutes with full jitter. */
const attemptsBeforeLongBackoff = 10;

/** Schedules the next connection attempt of one session, with back-off. */
export class ReconnectScheduler {
  readonly #timeouts: SessionTimeouts;
  readonly #random: () => number;
  readonly #rateLimiter: ReconnectRateLimiter;
  readonly #timer: ReplaceableTimer;
  #attempts = 0;
  /** Attempts whose delay the back-off set. */
  #backoffAttempts = 0;

  /** @param run runs a due attempt, after the session's pending operations */
  constructor(
    { timeouts, random, reconnectRateLimiter }: ReconnectSchedulerDeps,
    run: (attempt: () => Promise<void>) => void,
  ) {
    this.#timeouts = timeouts;
    this.#random = random;
    this.#rateLimiter = reconnectRateLimiter;
    this.#timer = new ReplaceableTimer(run);
  }

  /** Attempts since the last stable connection. */
  get attempts(): number {
    return this.#attempts;
  }

  reset(): void {
    this.#attempts = 0;
    this.#backoffAttempts = 0;
  }

  /** @returns whether the connection was stable */
  resetIfStable(openForMs: number): boolean {
    const wasStable = openForMs >= this.#timeouts.stableAfterMs;
    if (wasStable) this.reset();
    return wasStable;
  }

  /** After the delay in `next`, or after the back-off if it has none. */
  schedule(attempt: () => Promise<void>, next?: NextStep): void {
    const delayMs = next?.action === 'retry' ? next.delayMs : this.#nextBackoffMs();
    this.#attempts += 1;
    this.#timer.set(delayMs, attempt);
  }

  /** Runs at once if the rate limit allows it, or schedules the attempt for its slot. */
  async runRateLimited(attempt: () => Promise<void>): Promise<void> {
    const waitMs = this.#rateLimiter.reserve();
    if (waitMs === 0) return attempt();
    this.#timer.set(waitMs, attempt);
  }

  /** After the lease retry delay, with jitter. */
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
 * Spaces out the reconnects of all sessions in this process, so that hundreds that were closed at once do not log in
 * together. Pairings are not limited.
 */
export class ReconnectRateLimiter {
  readonly #intervalMs: number;
  readonly #monotonicMs: () => number;
  #nextSlotAtMs = 0;

  constructor(perSecond: number, monotonicMs: () => number) {
    this.#intervalMs = 1_000 / perSecond;
    this.#monotonicMs = monotonicMs;
  }

  /** Reserves the next free slot. @returns the time until it starts, in milliseconds */
  reserve(): number {
    const nowMs = this.#monotonicMs();
    const slotAtMs = Math.max(nowMs, this.#nextSlotAtMs);
    this.#nextSlotAtMs = slotAtMs + this.#intervalMs;
    return slotAtMs - nowMs;
  }
}
