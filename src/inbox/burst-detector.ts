/** Above this rate, accepting webhooks has priority over processing them: their senders are waiting. */
const thresholdPerSecond = 300;
/** A higher rate that lasts longer is normal load: accepted webhooks must not be delayed for ever. */
const maxBurstMs = 60_000;
/** One second, so that senders who send in pulses of a second show their average rate. */
const windowMs = 1_000;

/** Detects bursts of incoming webhooks. */
export class BurstDetector {
  readonly #monotonicMs: () => number;
  readonly #rate: RateMeter;
  #lastQuietAtMs: number;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#rate = new RateMeter(monotonicMs);
    this.#lastQuietAtMs = monotonicMs();
  }

  /** Counts one webhook. */
  count(): void {
    this.#rate.count();
  }

  /** Whether a burst is in progress. Its start is noticed by reading, so read it often. */
  get hasBurst(): boolean {
    const nowMs = this.#monotonicMs();
    if (this.#rate.perSecond <= thresholdPerSecond) this.#lastQuietAtMs = nowMs;
    return nowMs !== this.#lastQuietAtMs && nowMs < this.#lastQuietAtMs + maxBurstMs;
  }
}

/** Measures the current rate of events in windows of one second. */
export class RateMeter {
  readonly #monotonicMs: () => number;
  #windowEndMs = -Infinity;
  #windowCount = 0;
  #previousPerSecond = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Counts one event. */
  count(): void {
    this.#rollWindow();
    this.#windowCount += 1;
  }

  /** The higher of the last complete window and the current one so far. */
  get perSecond(): number {
    this.#rollWindow();
    return Math.max(this.#previousPerSecond, (this.#windowCount * 1_000) / windowMs);
  }

  #rollWindow(): void {
    const nowMs = this.#monotonicMs();
    if (nowMs < this.#windowEndMs) return;
    const isNextWindow = nowMs < this.#windowEndMs + windowMs;
    this.#previousPerSecond = isNextWindow ? (this.#windowCount * 1_000) / windowMs : 0;
    this.#windowCount = 0;
    this.#windowEndMs = nowMs + windowMs;
  }
}
