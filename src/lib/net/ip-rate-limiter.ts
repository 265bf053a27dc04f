import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { ipRateLimitKey } from './client-ip.ts';

/** Limits the rate of an action per IP address. */
export interface IpRateLimiter {
  /** Consumes one point. @returns undefined if allowed, else the seconds to wait */
  consume(ip: string): Promise<number | undefined>;
  /** Same result without consuming a point; no points left means refused. */
  retryAfterSeconds(ip: string): Promise<number | undefined>;
  /** Removes addresses whose window has passed. */
  purgeExpired(): void;
}

/**
 * In-memory limiter for at most `maxIps` addresses; evicts the least recently used, so that a flood of addresses cannot
 * exhaust the memory. An IPv6 /64 counts as one address.
 */
export class MemoryIpRateLimiter implements IpRateLimiter {
  readonly #limiter: RateLimiterMemory;
  readonly #trackedIps: LRUCache<string, true>;

  constructor(options: Readonly<{ points: number; windowSeconds: number; maxIps?: number }>) {
    const limiter = new RateLimiterMemory({ points: options.points, duration: options.windowSeconds });
    this.#limiter = limiter;
    this.#trackedIps = new LRUCache<string, true>({
      max: options.maxIps ?? 20_000,
      ttl: options.windowSeconds * 1000,
      noUpdateTTL: true,
      dispose: (_value, key, reason) => {
        if (reason === 'evict') void limiter.delete(key);
      },
    });
  }

  get trackedIpCount(): number {
    return this.#trackedIps.size;
  }

  async consume(ip: string): Promise<number | undefined> {
    const key = ipRateLimitKey(ip);
    this.#trackedIps.set(key, true);
    try {
      await this.#limiter.consume(key);
      return undefined;
    } catch (outcome) {
      if (outcome instanceof RateLimiterRes) return toRetryAfterSeconds(outcome);
      throw outcome;
    }
  }

  async retryAfterSeconds(ip: string): Promise<number | undefined> {
    const state = await this.#limiter.get(ipRateLimitKey(ip));
    return state !== null && state.remainingPoints <= 0 ? toRetryAfterSeconds(state) : undefined;
  }

  purgeExpired(): void {
    this.#trackedIps.purgeStale();
  }
}

function toRetryAfterSeconds({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000));
}
