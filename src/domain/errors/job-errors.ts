/** A job that is to be tried again, and not before a time that somebody else has set. `reason` is a word or a short phrase of ours. */
export class RetryLaterError extends Error {
  override readonly name = 'RetryLaterError';
  readonly delayMs: number;
  /** Whether something was tried: it counts among the failures after which a job is given up. */
  readonly countsAsAttempt: boolean;
  /** Whether the job is given up when it is too old, also where nothing was tried; the database answered. */
  readonly expires: boolean;

  constructor(
    reason: string,
    {
      delayMs,
      countsAsAttempt,
      expires = countsAsAttempt,
    }: Readonly<{ delayMs: number; countsAsAttempt: boolean; expires?: boolean }>,
  ) {
    super(reason);
    this.delayMs = delayMs;
    this.countsAsAttempt = countsAsAttempt;
    this.expires = expires;
  }
}

/** A job that no repetition will ever help: it is set aside at once. `reason` is a word such as `unknown_shape`. */
export class PermanentJobError extends Error {
  override readonly name = 'PermanentJobError';
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}
