import { BrokenCircuitError, circuitBreaker, ConsecutiveBreaker, handleAll, type IPolicy } from 'cockatiel';
import { elapsedBackoff, equalJitter } from '../lib/async/backoff.ts';

export type CircuitBreakerDeps = Readonly<{
  now: () => Date;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

export type CircuitBreakerOptions = Readonly<{
  /** Consecutive failures that open the circuit. */
  failureThreshold: number;
  /** Time until one trial call is allowed; if it fails, the circuit stays open for the same time. */
  openMs: number;
}>;

const maxBackoffMs = 30 * 60_000;

/** The call was not made. The message is that of the last failure. */
export class CircuitOpenError extends Error {
  override readonly name = 'CircuitOpenError';
  readonly retryAfterMs: number;

  constructor(lastFailure: string, retryAfterMs: number) {
    super(lastFailure);
    this.retryAfterMs = retryAfterMs;
  }
}

/** Circuit breaker whose rejections carry a back-off equal to the time it has been open. */
export class CircuitBreaker {
  readonly #deps: CircuitBreakerDeps;
  readonly #openMs: number;
  readonly #policy: IPolicy;
  #openSinceMs: number | undefined;
  #lastFailure = '';

  constructor(deps: CircuitBreakerDeps, { failureThreshold, openMs }: CircuitBreakerOptions) {
    this.#deps = deps;
    this.#openMs = openMs;
    const policy = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(failureThreshold),
      halfOpenAfter: openMs,
    });
    policy.onBreak(() => (this.#openSinceMs ??= deps.now().getTime()));
    policy.onReset(() => (this.#openSinceMs = undefined));
    this.#policy = policy;
  }

  /** @throws CircuitOpenError, or what the work throws */
  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#policy.execute(work);
    } catch (error) {
      if (error instanceof BrokenCircuitError)
        throw new CircuitOpenError(this.#lastFailure, this.#retryAfterMs());
      if (error instanceof Error) this.#lastFailure = error.message;
      throw error;
    }
  }

  #retryAfterMs(): number {
    const { now, random } = this.#deps;
    const nowMs = now().getTime();
    return elapsedBackoff(nowMs - (this.#openSinceMs ?? nowMs), {
      minMs: this.#openMs,
      maxMs: maxBackoffMs,
      jitter: equalJitter(random),
    });
  }
}
