import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../domain/ids.ts';
import type {
  DeliveryResult,
  DeliveryTarget,
  WebhookMessage,
  WebhookSender,
} from '../ports/outgoing-webhooks.ts';
import { CircuitBreaker, CircuitOpenError } from './circuit-breaker.ts';
import { ConcurrencyLimiter } from './concurrency-limiter.ts';
import { NonPublicAddressError } from './dns-lookup.ts';
import { httpPost, type HttpPostResponse } from './http-post.ts';
import { signWebhook } from './signature.ts';

export type WebhookSenderDeps = Readonly<{
  now: () => Date;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

export type WebhookSenderOptions = Readonly<{
  allowLoopback: boolean;
  timeoutMs?: number;
  /** Maximum deliveries in flight per company. Default: 2. */
  concurrency?: number;
  breakerFailures?: number;
  breakerOpenMs?: number;
  /** `address:port` of the name servers. Default: those of the system. */
  nameServers?: readonly string[];
}>;

const maxBreakers = 5_000;
const maxRetryAfterMs = 4 * 60 * 60 * 1_000;

/** The message contains no address, phone or text. */
class DeliveryError extends Error {
  override readonly name = 'DeliveryError';
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, retryAfterMs?: number) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Posts signed Standard Webhooks to the companies' systems, with a concurrency limit per company and a circuit breaker per
 * webhook version.
 */
export class HttpWebhookSender implements WebhookSender {
  readonly #deps: WebhookSenderDeps;
  readonly #options: WebhookSenderOptions;
  readonly #limiter: ConcurrencyLimiter;
  readonly #breakers = new LRUCache<string, CircuitBreaker>({ max: maxBreakers });

  constructor(deps: WebhookSenderDeps, options: WebhookSenderOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#limiter = new ConcurrencyLimiter(deps, options.concurrency ?? 2);
  }

  async runLimited(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>> {
    return await this.#limiter.run(companyId, work);
  }

  async deliver(
    companyId: CompanyId,
    target: DeliveryTarget,
    message: WebhookMessage,
  ): Promise<DeliveryResult> {
    try {
      const status = await this.#breakerFor(`${companyId}:${target.version}`).run(() =>
        this.#post(target, message),
      );
      return status === 410 ? { outcome: 'gone' } : { outcome: 'delivered' };
    } catch (error) {
      if (error instanceof CircuitOpenError)
        return { outcome: 'held', reason: error.message, retryAfterMs: error.retryAfterMs };
      if (!(error instanceof DeliveryError)) throw error;
      const { retryAfterMs } = error;
      return {
        outcome: 'failed',
        reason: error.message,
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      };
    }
  }

  /** @returns the status, 2xx or 410. @throws DeliveryError */
  async #post({ url, secrets }: DeliveryTarget, { id, body }: WebhookMessage): Promise<number> {
    const { timeoutMs = 15_000, allowLoopback, nameServers } = this.#options;
    const timestamp = Math.floor(this.#deps.now().getTime() / 1_000);
    let response: HttpPostResponse;
    try {
      response = await httpPost({
        url,
        body,
        timeoutMs,
        allowLoopback,
        nameServers,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'yclients-marketplace-webhooks/1',
          'webhook-id': id,
          'webhook-timestamp': String(timestamp),
          'webhook-signature': signWebhook(secrets, { id, timestamp, body }),
        },
      });
    } catch (error) {
      throw new DeliveryError(failureReason(error));
    }
    const { status, retryAfterMs } = response;
    if ((status >= 200 && status < 300) || status === 410) return status;
    throw new DeliveryError(
      `The receiver answered ${status}`,
      retryAfterMs === undefined ? undefined : Math.min(retryAfterMs, maxRetryAfterMs),
    );
  }

  #breakerFor(key: string): CircuitBreaker {
    const existing = this.#breakers.get(key);
    if (existing !== undefined) return existing;
    const { breakerFailures: failureThreshold = 5, breakerOpenMs: openMs = 30_000 } = this.#options;
    const breaker = new CircuitBreaker(this.#deps, { failureThreshold, openMs });
    this.#breakers.set(key, breaker);
    return breaker;
  }
}

/** Network error messages contain host names and addresses, so only the code is used. */
function failureReason(error: unknown): string {
  if (error instanceof NonPublicAddressError) return 'The host resolves to a non-public address';
  if (error instanceof DOMException && error.name === 'TimeoutError') return 'The receiver timed out';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^\w{1,60}$/.test(code)
    ? `Connection to the receiver failed: ${code}`
    : 'Connection to the receiver failed';
}
