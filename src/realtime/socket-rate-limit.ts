const windowMs = 10_000;
const allowedEvents = 20;
const floodEvents = 100;

/** How many events one socket may send: past `allowedEvents` in ten seconds they are refused, past `floodEvents` it goes. */
export class EventBudget {
  readonly #nowMs: () => number;
  #windowStartMs = Number.NEGATIVE_INFINITY;
  #spent = 0;

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  spend(): 'allowed' | 'refused' | 'flood' {
    const nowMs = this.#nowMs();
    if (nowMs - this.#windowStartMs >= windowMs) {
      this.#windowStartMs = nowMs;
      this.#spent = 0;
    }
    this.#spent += 1;
    if (this.#spent > floodEvents) return 'flood';
    return this.#spent > allowedEvents ? 'refused' : 'allowed';
  }

  /** Until events are allowed again. */
  get waitSeconds(): number {
    return Math.max(1, Math.ceil((this.#windowStartMs + windowMs - this.#nowMs()) / 1000));
  }
}
