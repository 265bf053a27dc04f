import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  circuitBreaker,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhen,
  retry,
  type BulkheadPolicy,
  type CircuitBreakerPolicy,
  type RetryPolicy,
} from 'cockatiel';
import { AppError } from '../domain/errors/app-error.ts';
import { exponentialBackoff, fullJitter } from '../lib/async/backoff.ts';
import { YclientsUnavailableError } from './http-client.ts';
import { RateLimitExceededError } from './rate-limiter.ts';

export type ResilienceDeps = Readonly<{
  /** Uniform in [0, 1). */
  random: () => number;
  /** Called when the circuit of a group opens or closes. */
  onBreakerChange: (group: string, state: 'open' | 'closed') => void;
}>;

export type ResilienceOptions = Readonly<{
  /** Including the first. Default: 3. */
  attempts?: number;
  /** Base of the exponential back-off with full jitter. Default: 1 s. */
  retryBaseMs?: number;
  /** Consecutive failures that open the circuit of a group. Default: 5. */
  breakerFailures?: number;
  breakerOpenMs?: number;
  /** Requests in flight. Default: 10. */
  concurrency?: number;
  /** Callers waiting for one of them. Default: 200. */
  maxQueued?: number;
}>;

/** `send` throws only if YCLIENTS is unavailable; `read` converts the response to a value or throws what the response means. */
export type ApiCall<Raw, Value> = Readonly<{
  group: string;
  retry: boolean;
  send: () => Promise<Raw>;
  read: (response: Raw) => Value;
}>;

const bulkheadRetryAfterMs = 5_000;

/**
 * retry( bulkhead( circuit breaker of the group( send )), read ): errors of `read`, such as a 4xx for one company or a 429, do not
 * count towards opening the circuit, which all companies share.
 */
export class Resilience {
  readonly #retry: RetryPolicy;
  readonly #bulkhead: BulkheadPolicy;
  readonly #breakers = new Map<string, CircuitBreakerPolicy>();
  readonly #breakerFailures: number;
  readonly #breakerOpenMs: number;
  readonly #onBreakerChange: (group: string, state: 'open' | 'closed') => void;

  constructor({ random, onBreakerChange }: ResilienceDeps, options: ResilienceOptions = {}) {
    const { attempts = 3, retryBaseMs = 1000 } = options;
    this.#breakerFailures = options.breakerFailures ?? 5;
    this.#breakerOpenMs = options.breakerOpenMs ?? 60_000;
    this.#onBreakerChange = onBreakerChange;
    this.#bulkhead = bulkhead(options.concurrency ?? 10, options.maxQueued ?? 200);
    this.#retry = retry(
      handleWhen((error) => error instanceof AppError && error.retryable),
      {
        maxAttempts: attempts - 1,
        backoff: new DelegateBackoff(({ attempt }) =>
          exponentialBackoff(attempt, { baseMs: retryBaseMs, maxMs: Infinity, jitter: fullJitter(random) }),
        ),
      },
    );
  }

  /** @throws AppError of `send` or `read`, or a retryable `UPSTREAM_ERROR` when a limit rejected the call */
  async run<Raw, Value>(call: ApiCall<Raw, Value>): Promise<Value> {
    const attempt = async (): Promise<Value> => call.read(await this.#send(call));
    try {
      return call.retry ? await this.#retry.execute(attempt) : await attempt();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #send<Raw>({ group, send }: Pick<ApiCall<Raw, unknown>, 'group' | 'send'>): Promise<Raw> {
    return this.#bulkhead.execute(() => this.#breakerFor(group).execute(send));
  }

  #breakerFor(group: string): CircuitBreakerPolicy {
    const existing = this.#breakers.get(group);
    if (existing !== undefined) return existing;
    const breaker = circuitBreaker(handleWhen(isUnavailable), {
      breaker: new ConsecutiveBreaker(this.#breakerFailures),
      halfOpenAfter: this.#breakerOpenMs,
    });
    breaker.onBreak(() => this.#onBreakerChange(group, 'open'));
    breaker.onReset(() => this.#onBreakerChange(group, 'closed'));
    this.#breakers.set(group, breaker);
    return breaker;
  }

  #translate(error: unknown): unknown {
    const waitMs = this.#retryAfterMs(error);
    return waitMs === undefined
      ? error
      : new AppError('UPSTREAM_ERROR', { retryAfterSeconds: Math.ceil(waitMs / 1000), cause: error });
  }

  #retryAfterMs(error: unknown): number | undefined {
    if (error instanceof BrokenCircuitError) return this.#breakerOpenMs;
    if (error instanceof BulkheadRejectedError) return bulkheadRetryAfterMs;
    return error instanceof RateLimitExceededError ? error.waitMs : undefined;
  }
}

function isUnavailable(error: unknown): boolean {
  return error instanceof AppError && error.cause instanceof YclientsUnavailableError;
}
