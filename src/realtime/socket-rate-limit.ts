const windowMs = 10_000;
const maxEvents = 20;
const maxEventsBeforeDisconnect = 100;

/** Fixed-window rate limit of one socket's events: 20 in ten seconds are allowed, more than 100 are a flood. */
export class SocketRateLimit {
  readonly #monotonicMs: () => number;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #count = 0;

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

  /** Time until the window ends. */
  get retryAfterSeconds(): number {
    return Math.max(1, Math.ceil((this.#windowStartMs + windowMs - this.#monotonicMs()) / 1000));
  }
}
