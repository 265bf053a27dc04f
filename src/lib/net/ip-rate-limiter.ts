import { LRUCache } from 'lru-cache';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { addressKey } from './client-ip.ts';

/** How often one address may do something. */
export interface AddressLimiter {
  /** @returns undefined when it may, else the seconds to wait */
  consume(address: string): Promise<number | undefined>;
  /** Asks the same without counting: 0 points left count as refused. */
  waitSeconds(address: string): Promise<number | undefined>;
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
      if (outcome instanceof RateLimiterRes) return secondsOf(outcome);
      throw outcome;
    }
  }

  async waitSeconds(address: string): Promise<number | undefined> {
    const counted = await this.#limiter.get(addressKey(address));
    return counted !== null && counted.remainingPoints <= 0 ? secondsOf(counted) : undefined;
  }

  forgetExpired(): void {
    this.#known.purgeStale();
  }
}

function secondsOf({ msBeforeNext }: RateLimiterRes): number {
  return Math.max(1, Math.ceil(msBeforeNext / 1000));
}
