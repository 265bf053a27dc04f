/** A job that is to be tried again, and not before a time that somebody else has set. `reason` is a word or a short phrase of ours. */
export class PostponedError extends Error {
  override readonly name = 'PostponedError';
  readonly delayMs: number;
  /** Whether something was tried: it counts among the failures after which a job is given up. */
  readonly counts: boolean;
  /** Whether the job is given up when it is too old, also where nothing was tried; the database answered. */
  readonly ages: boolean;

  constructor(
    reason: string,
    { delayMs, counts, ages = counts }: Readonly<{ delayMs: number; counts: boolean; ages?: boolean }>,
  ) {
    super(reason);
    this.delayMs = delayMs;
    this.counts = counts;
    this.ages = ages;
  }
}
