/** An acknowledgement may overtake the news that its message left. Of so many the ids are kept for that. */
const maxEarlyAcks = 100;

/** Which messages of ours on one socket WhatsApp has not acknowledged. Times are of a clock that never jumps. */
export class AckTracker {
  readonly #monotonicMs: () => number;
  readonly #pending = new Set<string>();
  readonly #earlyAcks = new Set<string>();
  #pendingSinceMs = 0;
  #lastAckAtMs: number | undefined;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Messages since the last one that was acknowledged, and when the first of them left. */
  get pending(): Readonly<{ count: number; sinceMs: number }> | undefined {
    const { size: count } = this.#pending;
    return count === 0 ? undefined : { count, sinceMs: this.#pendingSinceMs };
  }

  get lastAtMs(): number | undefined {
    return this.#lastAckAtMs;
  }

  sent(messageId: string): void {
    if (this.#earlyAcks.delete(messageId)) return this.#recordAck();
    if (this.#pending.size === 0) this.#pendingSinceMs = this.#monotonicMs();
    this.#pending.add(messageId);
  }

  /** @param messageId also of a probe, which is no message of ours: its acknowledgement says nothing about those before it */
  acked(messageId: string): void {
    if (this.#pending.has(messageId)) return this.#recordAck();
    this.#earlyAcks.add(messageId);
    if (this.#earlyAcks.size <= maxEarlyAcks) return;
    const [oldest = messageId] = this.#earlyAcks;
    this.#earlyAcks.delete(oldest);
  }

  #recordAck(): void {
    this.#pending.clear();
    this.#lastAckAtMs = this.#monotonicMs();
  }

  /** Nothing is missing any more: something else came. */
  clear(): void {
    this.#pending.clear();
  }
}
