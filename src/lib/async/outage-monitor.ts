import { elapsedBackoff } from './backoff.ts';

export type OutageCallbacks = Readonly<{
  began(error: unknown): void;
  ended(durationMs: number): void;
}>;

/** Reports an outage once at its start and once at its end, however many calls fail. */
export class OutageMonitor {
  readonly #callbacks: OutageCallbacks;
  readonly #monotonicMs: () => number;
  #sinceMs: number | undefined;

  constructor(callbacks: OutageCallbacks, monotonicMs: () => number) {
    this.#callbacks = callbacks;
    this.#monotonicMs = monotonicMs;
  }

  /** Whether the last call failed. */
  get ongoing(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** Records a failed call. @returns the delay before the next one: the duration of the outage, within the bounds */
  failure(error: unknown, bounds: Readonly<{ minMs: number; maxMs: number }>): number {
    const nowMs = this.#monotonicMs();
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      this.#callbacks.began(error);
    }
    return elapsedBackoff(nowMs - this.#sinceMs, bounds);
  }

  /** Records a successful call. */
  success(): void {
    if (this.#sinceMs === undefined) return;
    const durationMs = this.#monotonicMs() - this.#sinceMs;
    this.#sinceMs = undefined;
    this.#callbacks.ended(durationMs);
  }
}
