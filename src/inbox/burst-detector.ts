import { RateMeter } from './rate-meter.ts';

/** Above this rate, accepting webhooks has priority over processing them: their senders are waiting. */
const thresholdPerSecond = 300;
/** A higher rate that lasts longer is normal load: accepted webhooks must not be delayed for ever. */
const maxBurstMs = 60_000;

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
