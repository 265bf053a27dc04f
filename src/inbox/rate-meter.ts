/** Senders that send each second's share at its beginning are one burst, not many. */
const windowMs = 1_000;

/** How often something happens just now, within a second or so. */
export class RateMeter {
  readonly #monotonicMs: () => number;
  #windowEndMs = -Infinity;
  #windowCount = 0;
  #previousPerSecond = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  count(): void {
    this.#rollWindow();
    this.#windowCount += 1;
  }

  /** The higher of the last whole window and what the present one has seen already. */
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
