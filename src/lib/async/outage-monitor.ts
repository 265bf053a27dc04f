import { elapsedBackoff } from './backoff.ts';

export type OutageCallbacks = Readonly<{
  began(error: unknown): void;
  ended(durationMs: number): void;
}>;

/** Something that is down for a while: told once when it goes and once when it is back, however often it is felt. */
export class OutageMonitor {
  readonly #callbacks: OutageCallbacks;
  readonly #monotonicMs: () => number;
  #sinceMs: number | undefined;

  constructor(callbacks: OutageCallbacks, monotonicMs: () => number) {
    this.#callbacks = callbacks;
    this.#monotonicMs = monotonicMs;
  }

  get ongoing(): boolean {
    return this.#sinceMs !== undefined;
  }

  /**
   * It fails (still).
   * @returns how long to wait: as long again as it has lasted, so that the waits double, within the bounds
   */
  failure(error: unknown, bounds: Readonly<{ minMs: number; maxMs: number }>): number {
    const nowMs = this.#monotonicMs();
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      this.#callbacks.began(error);
    }
    return elapsedBackoff(nowMs - this.#sinceMs, bounds);
  }

  /** It works. */
  success(): void {
    if (this.#sinceMs === undefined) return;
    const durationMs = this.#monotonicMs() - this.#sinceMs;
    this.#sinceMs = undefined;
    this.#callbacks.ended(durationMs);
  }
}
