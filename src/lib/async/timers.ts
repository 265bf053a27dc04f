/** A timer that is set for longer goes off at once. */
const maxTimeoutMs = 2 ** 31 - 1;

/** One task at a later time. Setting it again replaces it; a task whose turn comes after `clear` does not run. */
export class ReplaceableTimer {
  readonly #run: (task: () => Promise<void>) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param run how a due task is run; it may have to wait for its turn */
  constructor(run: (task: () => Promise<void>) => void) {
    this.#run = run;
  }

  set(delayMs: number, task: () => Promise<void>): void {
    this.clear();
    const stepMs = Math.min(delayMs, maxTimeoutMs);
    const timer = setTimeout(() => {
      if (stepMs < delayMs) return this.set(delayMs - stepMs, task);
      this.#run(async () => {
        if (this.#timer === timer) await task();
      });
    }, stepMs);
    this.#timer = timer;
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
