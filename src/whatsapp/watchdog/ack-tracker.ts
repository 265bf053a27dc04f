/** An ack can arrive before the send resolves, so this many ids of early acks are remembered. */
const maxEarlyAcks = 100;

/** Tracks which messages sent on one socket WhatsApp has not acknowledged. */
export class AckTracker {
  readonly #monotonicMs: () => number;
  readonly #pending = new Set<string>();
  readonly #earlyAcks = new Set<string>();
  #pendingSinceMs = 0;
  #lastAckAtMs: number | undefined;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** The number of messages sent since the last ack, and the send time of the first one. */
  get unacknowledged(): Readonly<{ count: number; sinceMs: number }> | undefined {
    const { size: count } = this.#pending;
    return count === 0 ? undefined : { count, sinceMs: this.#pendingSinceMs };
  }

  get lastAckAtMs(): number | undefined {
    return this.#lastAckAtMs;
  }

  sent(messageId: string): void {
    if (this.#earlyAcks.delete(messageId)) return this.#recordAck();
    if (this.#pending.size === 0) this.#pendingSinceMs = this.#monotonicMs();
    this.#pending.add(messageId);
  }

  /** The ack of a probe has an unknown id and does not clear the pending messages. */
  acked(messageId: string): void {
    if (this.#pending.has(messageId)) return this.#recordAck();
    this.#earlyAcks.add(messageId);
    if (this.#earlyAcks.size <= maxEarlyAcks) return;
    const [oldest = messageId] = this.#earlyAcks;
    this.#earlyAcks.delete(oldest);
  }

  /** Any other inbound stanza proves the connection as well as an ack does. */
  clear(): void {
    this.#pending.clear();
  }

  #recordAck(): void {
    this.#pending.clear();
    this.#lastAckAtMs = this.#monotonicMs();
  }
}
