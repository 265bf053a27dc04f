import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { addressKey } from './client-address.ts';

/** How often one address may do something. */
export interface AddressLimiter {
  /** @returns undefined when it may, else the seconds to wait */
  consume(address: string): Promise<number | undefined>;
  /** Drops what is known of addresses whose window has passed. */
  forgetExpired(): void;
}

/**
 * Counts in this process, at most `maxAddresses` of them: the address that was quiet the longest is forgotten first, so
 * a flood of addresses cannot fill the memory. A whole IPv6 /64 is one address.
 */
export class MemoryAddressLimiter implements AddressLimiter {
  readonly #limiter: RateLimiterMemory;
  readonly #known: LRUCache<string, true>;

  constructor(options: Readonly<{ points: number; windowSeconds: number; maxAddresses?: number }>) {
    const limiter = new RateLimiterMemory({ points: options.points, duration: options.windowSeconds });
    this.#limiter = limiter;
    this.#known = new LRUCache<string, true>({
      max: options.maxAddresses ?? 20_000,
      ttl: options.windowSeconds * 1000,
      noUpdateTTL: true,
      dispose: (_value, key, reason) => {
        if (reason === 'evict') void limiter.delete(key);
      },
    });
  }

  get addressCount(): number {
    return this.#known.size;
  }

  async consume(address: string): Promise<number | undefined> {
    const key = addressKey(address);
    this.#known.set(key, true);
    try {
      await this.#limiter.consume(key);
      return undefined;
    } catch (outcome) {
      if (outcome instanceof RateLimiterRes) return Math.max(1, Math.ceil(outcome.msBeforeNext / 1000));
      throw outcome;
    }
  }

  forgetExpired(): void {
    this.#known.purgeStale();
  }
}
