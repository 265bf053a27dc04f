export type OutageReport = Readonly<{
  began(error: unknown): void;
  ended(lastedMs: number): void;
}>;

/** Something that is down for a while: told once when it goes and once when it is back, however often it is felt. */
export class Outage {
  readonly #report: OutageReport;
  readonly #monotonicMs: () => number;
  #sinceMs: number | undefined;

  constructor(report: OutageReport, monotonicMs: () => number) {
    this.#report = report;
    this.#monotonicMs = monotonicMs;
  }

  get lasts(): boolean {
    return this.#sinceMs !== undefined;
  }

  /**
   * It fails (still).
   * @returns how long to wait: as long again as it has lasted, so that the waits double, within the bounds
   */
  felt(error: unknown, waitMs: Readonly<{ shortest: number; longest: number }>): number {
    const nowMs = this.#monotonicMs();
    if (this.#sinceMs === undefined) {
      this.#sinceMs = nowMs;
      this.#report.began(error);
    }
    return Math.min(waitMs.longest, Math.max(waitMs.shortest, nowMs - this.#sinceMs));
  }

  /** It works. */
  over(): void {
    if (this.#sinceMs === undefined) return;
    const lastedMs = this.#monotonicMs() - this.#sinceMs;
    this.#sinceMs = undefined;
    this.#report.ended(lastedMs);
  }
}
