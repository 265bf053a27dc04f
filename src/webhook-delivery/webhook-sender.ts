import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../domain/ids.ts';
import type { Delivery, Envelope, Receiver } from '../ports/message-ports.ts';
import { Circuit, CircuitOpenError } from './circuit-breaker.ts';
import { Lanes } from './concurrency-limiter.ts';
import { post, type PostAnswer } from './http-post.ts';
import { RefusedAddressError } from './refused-address-error.ts';
import { signaturesOf } from './signature.ts';

export type ReceiversOptions = Readonly<{
  allowLoopback: boolean;
  timeoutMs?: number;
  /** Deliveries under way to one company. */
  concurrency?: number;
  breakerFailures?: number;
  breakerOpenMs?: number;
  /** `address:port`; the system's when absent. */
  nameServers?: readonly string[];
  /** Uniform in [0, 1). */
  random?: () => number;
  now: () => Date;
}>;

const mostCompanies = 5_000;
const longestRetryAfterMs = 4 * 60 * 60 * 1_000;

/** Why a delivery failed, in words that hold nothing of address, phone or text. */
class FailedDelivery extends Error {
  override readonly name = 'FailedDelivery';
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, retryAfterMs?: number) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Posts to the companies' own systems, signed as Standard Webhooks. Each has a few lanes and each address a circuit of its own,
 * so that a slow or dead one costs the others nothing.
 */
export class Receivers implements Receiver {
  readonly #options: ReceiversOptions;
  readonly #random: () => number;
  readonly #lanes: Lanes;
  readonly #circuits = new LRUCache<string, Circuit>({ max: mostCompanies });

  constructor(options: ReceiversOptions) {
    this.#options = options;
    const { concurrency = 2, random = Math.random, now } = options;
    this.#random = random;
    this.#lanes = new Lanes({ lanes: concurrency, now, random });
  }

  async inLane(
    companyId: CompanyId,
    work: () => Promise<void>,
  ): Promise<'done' | Readonly<{ retryAfterMs: number }>> {
    return await this.#lanes.run(companyId, work);
  }

  async deliver(
    companyId: CompanyId,
    webhook: Parameters<Receiver['deliver']>[1],
    envelope: Envelope,
  ): Promise<Delivery> {
    try {
      const status = await this.#circuitOf(`${companyId}:${webhook.version}`).run(() =>
        this.#post(webhook, envelope),
      );
      return status === 410 ? { outcome: 'gone' } : { outcome: 'delivered' };
    } catch (error) {
      if (error instanceof CircuitOpenError)
        return { outcome: 'held', reason: error.message, retryAfterMs: error.retryAfterMs };
      if (!(error instanceof FailedDelivery)) throw error;
      const { message: reason, retryAfterMs } = error;
      return { outcome: 'failed', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
  }

  /** @throws FailedDelivery */
  async #post({ url, secrets }: Parameters<Receiver['deliver']>[1], { id, body }: Envelope): Promise<number> {
    const { now, timeoutMs = 15_000, allowLoopback, nameServers } = this.#options;
    const timestamp = Math.floor(now().getTime() / 1_000);
    let answer: PostAnswer;
    try {
      answer = await post({
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
          'webhook-signature': signaturesOf(secrets, { id, timestamp, body }),
        },
      });
    } catch (error) {
      throw new FailedDelivery(reasonOf(error));
    }
    const { status, retryAfterMs } = answer;
    if ((status >= 200 && status < 300) || status === 410) return status;
    throw new FailedDelivery(
      `The receiver answered ${status}`,
      retryAfterMs === undefined ? undefined : Math.min(retryAfterMs, longestRetryAfterMs),
    );
  }

  #circuitOf(key: string): Circuit {
    const known = this.#circuits.get(key);
    if (known !== undefined) return known;
    const { breakerFailures: failures = 5, breakerOpenMs: openMs = 30_000, now } = this.#options;
    const circuit = new Circuit({ failures, openMs, now, random: this.#random });
    this.#circuits.set(key, circuit);
    return circuit;
  }
}

/** The messages of the network quote names and addresses. */
function reasonOf(error: unknown): string {
  if (error instanceof RefusedAddressError) return 'The address is not public';
  if (error instanceof DOMException && error.name === 'TimeoutError')
    return 'The receiver did not answer in time';
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^\w{1,60}$/.test(code)
    ? `The receiver cannot be reached: ${code}`
    : 'The receiver cannot be reached';
}
