import { exponentialBackoff } from '../lib/async/backoff.ts';

/** At most `requests` starts in any span of `windowMs`. */
export type RateLimit = Readonly<{ requests: number; windowMs: number }>;

/**
 * Below the limits of 5 per second and 200 per minute per IP (developer.yclients.com). Requests start 250 ms apart, because a
 * burst of four that the network delays could reach YCLIENTS within the same second as the next four.
 */
const defaultLimits: readonly RateLimit[] = [
  { requests: 1, windowMs: 250 },
  { requests: 180, windowMs: 60_000 },
];

export type RateLimiterDeps = Readonly<{
  monotonicMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

export type RateLimiterOptions = Readonly<{
  limits?: readonly RateLimit[];
  /** A caller that would wait longer is rejected at once. Default: 30 s. */
  maxWaitMs?: number;
  /** Base of the back-off after a 429 without `retry-after`. Default: 1 s. */
  backoffBaseMs?: number;
  maxBackoffMs?: number;
}>;

/** The wait for the rate limit would exceed `maxWaitMs`. */
export class RateLimitExceededError extends Error {
  override readonly name = 'RateLimitExceededError';
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`YCLIENTS rate limit reached, next slot in about ${Math.ceil(waitMs / 1000)} s`);
    this.waitMs = waitMs;
  }
}

/**
 * Sliding-window rate limiter for the whole process; callers start in order. Fixed windows would allow twice the limit around a
 * window boundary.
 */
export class RateLimiter {
  readonly #limits: readonly RateLimit[];
  readonly #historySize: number;
  readonly #monotonicMs: () => number;
  readonly #random: () => number;
  readonly #maxWaitMs: number;
  readonly #backoffBaseMs: number;
  readonly #maxBackoffMs: number;
  readonly #starts: number[] = [];
  readonly #waiters: (() => void)[] = [];
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  #consecutiveRejections = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({ monotonicMs, random }: RateLimiterDeps, options: RateLimiterOptions = {}) {
    this.#limits = options.limits ?? defaultLimits;
    this.#historySize = Math.max(...this.#limits.map(({ requests }) => requests));
    this.#monotonicMs = monotonicMs;
    this.#random = random;
    this.#maxWaitMs = options.maxWaitMs ?? 30_000;
    this.#backoffBaseMs = options.backoffBaseMs ?? 1000;
    this.#maxBackoffMs = options.maxBackoffMs ?? 60_000;
  }

  /** Resolves when the caller may send one request. @throws RateLimitExceededError */
  async acquire(): Promise<void> {
    const expectedMs = this.#msUntilNextStart() + this.#waiters.length * this.#sustainedIntervalMs();
    if (expectedMs > this.#maxWaitMs) throw new RateLimitExceededError(expectedMs);
    const slot = Promise.withResolvers<void>();
    this.#waiters.push(slot.resolve);
    this.#releaseWaiters();
    await slot.promise;
  }

  /**
   * Stops all requests after a 429, for `retryAfterMs` or an exponential back-off.
   *
   * @returns milliseconds until the end of the pause
   */
  pause(retryAfterMs?: number): number {
    const nowMs = this.#monotonicMs();
    // Requests in flight at the same time are rejected together and count once.
    const isPaused = nowMs < this.#pausedUntilMs;
    if (!isPaused) this.#consecutiveRejections += 1;
    const backoffMs = exponentialBackoff(this.#consecutiveRejections, {
      baseMs: this.#backoffBaseMs * (1 + this.#random()),
      maxMs: this.#maxBackoffMs,
    });
    const pauseMs = Math.min(this.#maxBackoffMs, retryAfterMs ?? (isPaused ? 0 : backoffMs));
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + pauseMs);
    return this.#pausedUntilMs - nowMs;
  }

  /** Call after an accepted request. */
  resetBackoff(): void {
    if (this.#monotonicMs() >= this.#pausedUntilMs) this.#consecutiveRejections = 0;
  }

  #releaseWaiters(): void {
    while (this.#waiters.length > 0) {
      const waitMs = this.#msUntilNextStart();
      if (waitMs > 0) {
        this.#scheduleRelease(waitMs);
        return;
      }
      this.#starts.push(this.#monotonicMs());
      if (this.#starts.length > this.#historySize) this.#starts.shift();
      this.#waiters.shift()?.();
    }
  }

  #scheduleRelease(waitMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#releaseWaiters();
    }, Math.ceil(waitMs));
  }

  #msUntilNextStart(): number {
    const nowMs = this.#monotonicMs();
    const waits = this.#limits.map(({ requests, windowMs }) => {
      const start = this.#starts.at(-requests);
      return start === undefined ? 0 : start + windowMs - nowMs;
    });
    return Math.max(0, this.#pausedUntilMs - nowMs, ...waits);
  }

  #sustainedIntervalMs(): number {
    return Math.max(...this.#limits.map(({ requests, windowMs }) => windowMs / requests));
  }
}
