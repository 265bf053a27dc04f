/** Senders that send each second's share at its beginning are one burst, not many. */
const windowMs = 1_000;

/** How often something happens just now, within a second or so. */
export class RecentRate {
  readonly #monotonicMs: () => number;
  #windowEndsMs = -Infinity;
  #inWindow = 0;
  #lastPerSecond = 0;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  count(): void {
    this.#turn();
    this.#inWindow += 1;
  }

  /** The higher of the last whole window and what the present one has seen already. */
  get perSecond(): number {
    this.#turn();
    return Math.max(this.#lastPerSecond, (this.#inWindow * 1_000) / windowMs);
  }

  #turn(): void {
    const nowMs = this.#monotonicMs();
    if (nowMs < this.#windowEndsMs) return;
    const isNextWindow = nowMs < this.#windowEndsMs + windowMs;
    this.#lastPerSecond = isNextWindow ? (this.#inWindow * 1_000) / windowMs : 0;
    this.#inWindow = 0;
    this.#windowEndsMs = nowMs + windowMs;
  }
}
