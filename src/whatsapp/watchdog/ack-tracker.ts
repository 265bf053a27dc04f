/** An acknowledgement may overtake the news that its message left. Of so many the ids are kept for that. */
const overtakingIds = 100;

/** Which messages of ours on one socket WhatsApp has not acknowledged. Times are of a clock that never jumps. */
export class Acknowledgements {
  readonly #monotonicMs: () => number;
  readonly #missing = new Set<string>();
  readonly #overtaking = new Set<string>();
  #missingSinceMs = 0;
  #lastAtMs: number | undefined;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Messages since the last one that was acknowledged, and when the first of them left. */
  get missing(): Readonly<{ count: number; sinceMs: number }> | undefined {
    const { size: count } = this.#missing;
    return count === 0 ? undefined : { count, sinceMs: this.#missingSinceMs };
  }

  get lastAtMs(): number | undefined {
    return this.#lastAtMs;
  }

  left(messageId: string): void {
    if (this.#overtaking.delete(messageId)) return this.#acknowledged();
    if (this.#missing.size === 0) this.#missingSinceMs = this.#monotonicMs();
    this.#missing.add(messageId);
  }

  /** @param messageId also of a probe, which is no message of ours: its acknowledgement says nothing about those before it */
  came(messageId: string): void {
    if (this.#missing.has(messageId)) return this.#acknowledged();
    this.#overtaking.add(messageId);
    if (this.#overtaking.size <= overtakingIds) return;
    const [oldest = messageId] = this.#overtaking;
    this.#overtaking.delete(oldest);
  }

  #acknowledged(): void {
    this.#missing.clear();
    this.#lastAtMs = this.#monotonicMs();
  }

  /** Nothing is missing any more: something else came. */
  forgive(): void {
    this.#missing.clear();
  }
}
