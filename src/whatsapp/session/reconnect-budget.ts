/**
 * The pace at which all sessions of this process open sockets by themselves, after a loss or a restart: hundreds that are
 * closed at once come back one after another. Whoever takes a turn may come when it is due.
 */
export class ReconnectRateLimiter {
  readonly #intervalMs: number;
  readonly #monotonicMs: () => number;
  #nextSlotAtMs = 0;

  constructor(perSecond: number, monotonicMs: () => number) {
    this.#intervalMs = 1_000 / perSecond;
    this.#monotonicMs = monotonicMs;
  }

  /** Takes the next turn that is free. @returns how long until it is due, in milliseconds */
  reserve(): number {
    const nowMs = this.#monotonicMs();
    const slotAtMs = Math.max(nowMs, this.#nextSlotAtMs);
    this.#nextSlotAtMs = slotAtMs + this.#intervalMs;
    return slotAtMs - nowMs;
  }
}
