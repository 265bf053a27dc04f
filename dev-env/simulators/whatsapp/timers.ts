/** Timers that report errors of their callbacks and are cancelled together. */
export class Timers {
  readonly #pending = new Set<NodeJS.Timeout>();
  readonly #report: (error: unknown) => void;

  constructor(report: (error: unknown) => void) {
    this.#report = report;
  }

  after(delayMs: number, task: () => void | Promise<void>): void {
    const timer = setTimeout(() => {
      this.#pending.delete(timer);
      this.run(task);
    }, delayMs);
    this.#pending.add(timer);
  }

  /** Runs a task now; a rejection is reported, not thrown. */
  run(task: () => void | Promise<void>): void {
    const attempt = async (): Promise<void> => task();
    attempt().catch(this.#report);
  }

  clear(): void {
    for (const timer of this.#pending) clearTimeout(timer);
    this.#pending.clear();
  }
}
