import { exponentialBackoff } from '../lib/async/backoff.ts';

/** At most `requests` starts in any span of `windowMs`. */
export type RateLimit = Readonly<{ requests: number; windowMs: number }>;

/**
 * Below the platform's 5 a second and 200 a minute for one address (developer.yclients.com). Four a second start one by
 * one: four at once, delayed on their way, could meet the next four within one second at the platform.
 */
const defaultLimits: readonly RateLimit[] = [
  { requests: 1, windowMs: 250 },
  { requests: 180, windowMs: 60_000 },
];

export type RateLimiterOptions = Readonly<{
  limits?: readonly RateLimit[];
  /** Monotonic milliseconds. */
  monotonicMs: () => number;
  /** 0 … 1. */
  random: () => number;
  /** A caller that would have to wait longer is turned away at once. */
  maxWaitMs?: number;
  /** First pause after a 429 that names no time; doubles with every further one. */
  backoffBaseMs?: number;
  maxBackoffMs?: number;
}>;

/** Waiting for the budget would take too long. */
export class RateLimitExceededError extends Error {
  override readonly name = 'RateLimitExceededError';
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`YCLIENTS rate limit reached, next slot in about ${Math.ceil(waitMs / 1000)} s`);
    this.waitMs = waitMs;
  }
}

/**
 * One request budget for the whole process. Callers start in the order in which they came.
 *
 * The windows slide: a fixed window lets twice its limit through at its edge, which the platform would refuse.
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

  constructor(options: RateLimiterOptions) {
    this.#limits = options.limits ?? defaultLimits;
    this.#historySize = Math.max(...this.#limits.map(({ requests }) => requests));
    this.#monotonicMs = options.monotonicMs;
    this.#random = options.random;
    this.#maxWaitMs = options.maxWaitMs ?? 30_000;
    this.#backoffBaseMs = options.backoffBaseMs ?? 1000;
    this.#maxBackoffMs = options.maxBackoffMs ?? 60_000;
  }

  /** Resolves when the caller may send one request. @throws BudgetExhaustedError */
  async acquire(): Promise<void> {
    const expectedMs = this.#msUntilNextStart() + this.#waiters.length * this.#sustainedIntervalMs();
    if (expectedMs > this.#maxWaitMs) throw new RateLimitExceededError(expectedMs);
    const turn = Promise.withResolvers<void>();
    this.#waiters.push(turn.resolve);
    this.#releaseWaiters();
    await turn.promise;
  }

  /**
   * The platform answered 429: nobody starts for `retryAfterMs`, or for a growing time when it named none.
   *
   * @returns milliseconds until the end of the pause
   */
  pause(retryAfterMs?: number): number {
    const nowMs = this.#monotonicMs();
    // Requests that were under way together are refused together: that is one refusal.
    const alreadyPaused = nowMs < this.#pausedUntilMs;
    if (!alreadyPaused) this.#consecutiveRejections += 1;
    const backoffMs = exponentialBackoff(this.#consecutiveRejections, {
      baseMs: this.#backoffBaseMs * (1 + this.#random()),
      maxMs: this.#maxBackoffMs,
    });
    const pauseMs = Math.min(this.#maxBackoffMs, retryAfterMs ?? (alreadyPaused ? 0 : backoffMs));
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, nowMs + pauseMs);
    return this.#pausedUntilMs - nowMs;
  }

  /** The platform accepted a request: the next pause starts small again. */
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
