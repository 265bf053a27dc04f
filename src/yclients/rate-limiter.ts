/** At most `requests` starts in any span of `windowMs`. */
export type RateLimit = Readonly<{ requests: number; windowMs: number }>;

/**
 * Below the platform's 5 a second and 200 a minute for one address (developer.yclients.com). Four a second start one by
 * one: four at once, delayed on their way, could meet the next four within one second at the platform.
 */
const platformLimits: readonly RateLimit[] = [
  { requests: 1, windowMs: 250 },
  { requests: 180, windowMs: 60_000 },
];

export type RateBudgetOptions = Readonly<{
  limits?: readonly RateLimit[];
  /** Monotonic milliseconds. */
  now: () => number;
  /** 0 … 1. */
  random: () => number;
  /** A caller that would have to wait longer is turned away at once. */
  maxWaitMs?: number;
  /** First pause after a 429 that names no time; doubles with every further one. */
  pauseBaseMs?: number;
  pauseCapMs?: number;
}>;

/** Waiting for the budget would take too long. */
export class BudgetExhaustedError extends Error {
  override readonly name = 'BudgetExhaustedError';
  readonly waitMs: number;

  constructor(waitMs: number) {
    super(`The request budget is used up for about ${Math.ceil(waitMs / 1000)} s`);
    this.waitMs = waitMs;
  }
}

/**
 * One request budget for the whole process. Callers start in the order in which they came.
 *
 * The windows slide: a fixed window lets twice its limit through at its edge, which the platform would refuse.
 */
export class RateBudget {
  readonly #limits: readonly RateLimit[];
  readonly #remembered: number;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #maxWaitMs: number;
  readonly #pauseBaseMs: number;
  readonly #pauseCapMs: number;
  readonly #starts: number[] = [];
  readonly #waiting: (() => void)[] = [];
  #pausedUntil = Number.NEGATIVE_INFINITY;
  #refusals = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RateBudgetOptions) {
    this.#limits = options.limits ?? platformLimits;
    this.#remembered = Math.max(...this.#limits.map(({ requests }) => requests));
    this.#now = options.now;
    this.#random = options.random;
    this.#maxWaitMs = options.maxWaitMs ?? 30_000;
    this.#pauseBaseMs = options.pauseBaseMs ?? 1000;
    this.#pauseCapMs = options.pauseCapMs ?? 60_000;
  }

  /** Resolves when the caller may send one request. @throws BudgetExhaustedError */
  async take(): Promise<void> {
    const expectedMs = this.#untilNextStart() + this.#waiting.length * this.#sustainedGapMs();
    if (expectedMs > this.#maxWaitMs) throw new BudgetExhaustedError(expectedMs);
    const turn = Promise.withResolvers<void>();
    this.#waiting.push(turn.resolve);
    this.#startThoseWhoMay();
    await turn.promise;
  }

  /**
   * The platform answered 429: nobody starts for `retryAfterMs`, or for a growing time when it named none.
   *
   * @returns milliseconds until the end of the pause
   */
  pause(retryAfterMs?: number): number {
    const now = this.#now();
    // Requests that were under way together are refused together: that is one refusal.
    const alreadyPaused = now < this.#pausedUntil;
    if (!alreadyPaused) this.#refusals += 1;
    const backoffMs = this.#pauseBaseMs * 2 ** (this.#refusals - 1) * (1 + this.#random());
    const pauseMs = Math.min(this.#pauseCapMs, retryAfterMs ?? (alreadyPaused ? 0 : backoffMs));
    this.#pausedUntil = Math.max(this.#pausedUntil, now + pauseMs);
    return this.#pausedUntil - now;
  }

  /** The platform accepted a request: the next pause starts small again. */
  recovered(): void {
    if (this.#now() >= this.#pausedUntil) this.#refusals = 0;
  }

  #startThoseWhoMay(): void {
    while (this.#waiting.length > 0) {
      const waitMs = this.#untilNextStart();
      if (waitMs > 0) {
        this.#wakeAfter(waitMs);
        return;
      }
      this.#starts.push(this.#now());
      if (this.#starts.length > this.#remembered) this.#starts.shift();
      this.#waiting.shift()?.();
    }
  }

  #wakeAfter(waitMs: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#startThoseWhoMay();
    }, Math.ceil(waitMs));
  }

  #untilNextStart(): number {
    const now = this.#now();
    const waits = this.#limits.map(({ requests, windowMs }) => {
      const start = this.#starts.at(-requests);
      return start === undefined ? 0 : start + windowMs - now;
    });
    return Math.max(0, this.#pausedUntil - now, ...waits);
  }

  #sustainedGapMs(): number {
    return Math.max(...this.#limits.map(({ requests, windowMs }) => windowMs / requests));
  }
}
