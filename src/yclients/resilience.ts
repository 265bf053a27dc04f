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
import { exponentialBackoff, fullJitter } from '../lib/async/backoff.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { OutageError } from './http-client.ts';
import { RateLimitExceededError } from './rate-limiter.ts';

export type ResilienceOptions = Readonly<{
  /** Tries in all, the first included. */
  attempts?: number;
  /** Upper end of the first random wait; doubles with every try. */
  retryBaseMs?: number;
  /** Outages in a row that open the circuit of a group. */
  breakerFailures?: number;
  breakerOpenMs?: number;
  /** Requests under way, and callers waiting for them. */
  concurrency?: number;
  maxQueued?: number;
  /** 0 … 1. */
  random: () => number;
  /** The circuit of a group opened, or closed again. */
  onBreakerChange?: (group: string, state: 'open' | 'closed') => void;
}>;

/** A call in two halves: `send` fails only by an outage, `read` turns the answer into a value or a refusal. */
export type Call<Raw, Value> = Readonly<{
  group: string;
  retry: boolean;
  send: () => Promise<Raw>;
  read: (response: Raw) => Value;
}>;

/**
 * retry( bulkhead( circuit breaker of the group( send )), read ): a refusal of one company (4xx) or a 429 is an answer,
 * so it never counts towards opening the circuit that all companies share.
 */
export class Resilience {
  readonly #retry: RetryPolicy;
  readonly #bulkhead: BulkheadPolicy;
  readonly #breakers = new Map<string, CircuitBreakerPolicy>();
  readonly #breakerFailures: number;
  readonly #breakerOpenMs: number;
  readonly #breakerChanged: (group: string, state: 'open' | 'closed') => void;

  constructor(options: ResilienceOptions) {
    const { attempts = 3, retryBaseMs = 1000, random } = options;
    this.#breakerFailures = options.breakerFailures ?? 5;
    this.#breakerOpenMs = options.breakerOpenMs ?? 60_000;
    this.#breakerChanged = options.onBreakerChange ?? (() => {});
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

  /** @throws AppError whatever `send` and `read` throw, or a retryable `UPSTREAM_ERROR` when the call was not even tried */
  async run<Raw, Value>(call: Call<Raw, Value>): Promise<Value> {
    const once = async (): Promise<Value> => call.read(await this.#send(call));
    try {
      return call.retry ? await this.#retry.execute(once) : await once();
    } catch (error) {
      throw this.#translate(error);
    }
  }

  #send<Raw>({ group, send }: Pick<Call<Raw, unknown>, 'group' | 'send'>): Promise<Raw> {
    return this.#bulkhead.execute(() => this.#breakerFor(group).execute(send));
  }

  #breakerFor(group: string): CircuitBreakerPolicy {
    const existing = this.#breakers.get(group);
    if (existing !== undefined) return existing;
    const breaker = circuitBreaker(handleWhen(isOutage), {
      breaker: new ConsecutiveBreaker(this.#breakerFailures),
      halfOpenAfter: this.#breakerOpenMs,
    });
    breaker.onBreak(() => this.#breakerChanged(group, 'open'));
    breaker.onReset(() => this.#breakerChanged(group, 'closed'));
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
    if (error instanceof BulkheadRejectedError) return 5000;
    return error instanceof RateLimitExceededError ? error.waitMs : undefined;
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof AppError && error.cause instanceof OutageError;
}
