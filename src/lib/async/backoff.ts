export type BackoffOptions = Readonly<{
  baseMs: number;
  maxMs: number;
  factor?: number;
  /** After so many attempts the delays may become longer still. */
  slowPhase?: Readonly<{ afterAttempts: number; maxMs: number }>;
}>;

/**
 * Exponential delays with full jitter: the n-th is anywhere between 0 and `firstMs * factor^n`, capped at `maxMs`.
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #random: () => number;
  #attempt = 0;

  /** @param random uniform in [0, 1) */
  constructor(options: BackoffOptions, random: () => number) {
    this.#options = options;
    this.#random = random;
  }

  get attempt(): number {
    return this.#attempt;
  }

  nextDelayMs(): number {
    const { baseMs, factor = 2 } = this.#options;
    const ceilingMs = Math.min(this.#maxMs, baseMs * factor ** this.#attempt);
    this.#attempt += 1;
    return Math.round(this.#random() * ceilingMs);
  }

  reset(): void {
    this.#attempt = 0;
  }

  get #maxMs(): number {
    const { maxMs, slowPhase } = this.#options;
    return slowPhase !== undefined && this.#attempt >= slowPhase.afterAttempts ? slowPhase.maxMs : maxMs;
  }
}

/** As long as it has gone on so far, within bounds, and up to half of it less by chance. @param random uniform in [0, 1) */
export function elapsedBackoff(
  elapsedMs: number,
  { minMs, maxMs }: Readonly<{ minMs: number; maxMs: number }>,
  random: () => number,
): number {
  const delayMs = Math.min(maxMs, Math.max(minMs, elapsedMs));
  return Math.round(delayMs * (0.5 + random() / 2));
}
