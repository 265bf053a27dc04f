/** Reschedules the job with the given delay. The message is a short phrase of ours, without payload data. */
export class RetryLaterError extends Error {
  override readonly name = 'RetryLaterError';
  readonly delayMs: number;
  /** Whether this run counts towards the maximum of attempts. */
  readonly countsAsAttempt: boolean;
  /** Whether the job is dead-lettered once it exceeds its maximum age. True also means that the database responded. */
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

/** Dead-letters the job without retries. `reason` is a code such as `unknown_shape`. */
export class PermanentJobError extends Error {
  override readonly name = 'PermanentJobError';
  readonly reason: string;

  constructor(reason: string) {
    super(reason);
    this.reason = reason;
  }
}
