/** Maps a computed delay to a random one. */
export type Jitter = (delayMs: number) => number;

export type BackoffOptions = Readonly<{
  /** Delay of the first attempt, before jitter. */
  baseMs: number;
  maxMs: number;
  /** Default: none. */
  jitter?: Jitter;
}>;

/**
 * Doubles with every attempt: `baseMs * 2^(attempt - 1)`, capped at `maxMs`, then jittered.
 * @param attempt 1 for the first
 * @returns whole milliseconds
 */
export function exponentialBackoff(attempt: number, { baseMs, maxMs, jitter }: BackoffOptions): number {
  return applyJitter(Math.min(maxMs, baseMs * 2 ** (attempt - 1)), jitter);
}

/**
 * Equal to the time elapsed since the first failure, so that consecutive delays double; clamped, then jittered.
 * @returns whole milliseconds
 */
export function elapsedBackoff(
  elapsedMs: number,
  { minMs, maxMs, jitter }: Readonly<{ minMs: number; maxMs: number; jitter?: Jitter }>,
): number {
  return applyJitter(Math.min(maxMs, Math.max(minMs, elapsedMs)), jitter);
}

/**
 * Between 0 and the delay.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 * @param random uniform in [0, 1)
 */
export function fullJitter(random: () => number): Jitter {
  return (delayMs) => random() * delayMs;
}

/** Between 50 % and 100 % of the delay. @param random uniform in [0, 1) */
export function equalJitter(random: () => number): Jitter {
  return (delayMs) => delayMs * (0.5 + random() / 2);
}

/** Between 50 % and 150 % of the delay. @param random uniform in [0, 1) */
export function centeredJitter(random: () => number): Jitter {
  return (delayMs) => delayMs * (0.5 + random());
}

function applyJitter(delayMs: number, jitter: Jitter = (ms) => ms): number {
  return Math.round(jitter(delayMs));
}
