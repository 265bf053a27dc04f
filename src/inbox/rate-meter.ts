/** One second, so that senders who send in pulses of a second show their average rate. */
const windowMs = 1_000;

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
