/** Counts within consecutive windows of fixed length; a window starts at the first count after the previous one. */
export class FixedWindow {
  readonly #windowMs: number;
  readonly #monotonicMs: () => number;
  #startMs = Number.NEGATIVE_INFINITY;
  #count = 0;

  constructor(windowMs: number, monotonicMs: () => number) {
    this.#windowMs = windowMs;
    this.#monotonicMs = monotonicMs;
  }

  /** @returns the count of the current window */
  increment(): number {
    const nowMs = this.#monotonicMs();
    if (nowMs - this.#startMs >= this.#windowMs) {
      this.#startMs = nowMs;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count;
  }

  /** Time until the window ends. */
  get remainingMs(): number {
    return this.#startMs + this.#windowMs - this.#monotonicMs();
  }
}
