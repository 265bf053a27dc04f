/**
 * The pace at which all sessions of this process open sockets by themselves, after a loss or a restart: hundreds that are
 * closed at once come back one after another. Whoever takes a turn may come when it is due.
 */
export class ReconnectBudget {
  readonly #gapMs: number;
  readonly #monotonicNow: () => number;
  #freeAtMs = 0;

  constructor(perSecond: number, monotonicNow: () => number) {
    this.#gapMs = 1_000 / perSecond;
    this.#monotonicNow = monotonicNow;
  }

  /** Takes the next turn that is free. @returns how long until it is due, in milliseconds */
  take(): number {
    const nowMs = this.#monotonicNow();
    const dueAtMs = Math.max(nowMs, this.#freeAtMs);
    this.#freeAtMs = dueAtMs + this.#gapMs;
    return dueAtMs - nowMs;
  }
}
