const windowMs = 10_000;
const maxEvents = 20;
const maxEventsBeforeDisconnect = 100;

/** How many events one socket may send: past `allowedEvents` in ten seconds they are refused, past `floodEvents` it goes. */
export class SocketRateLimit {
  readonly #monotonicMs: () => number;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** @param monotonicMs a monotonic clock */
  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  consume(): 'allowed' | 'refused' | 'flood' {
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count > maxEventsBeforeDisconnect) return 'flood';
    return this.#count > maxEvents ? 'refused' : 'allowed';
  }

  /** Until events are allowed again. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil((this.#windowStartMs + windowMs - this.#monotonicMs()) / 1000));
  }
}
