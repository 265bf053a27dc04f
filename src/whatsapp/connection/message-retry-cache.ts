import type { CacheStore } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import { isPresent } from '../../lib/is-present.ts';

const countersKept = 1_000;
const hourMs = 60 * 60 * 1_000;

/** How often a message was sent again or asked for again. Outlives the sockets of a session, so that no loop begins anew. */
export class RetryCounters implements CacheStore {
  readonly #counters = new LRUCache<string, Readonly<{ value: unknown }>>({ max: countersKept, ttl: hourMs });

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the signature is Baileys'
  get<Value>(key: string): Value | undefined {
    const value = this.#counters.get(key)?.value;
    return isPresent<Value>(value) ? value : undefined;
  }

  set(key: string, value: unknown): void {
    this.#counters.set(key, { value });
  }

  del(key: string): void {
    this.#counters.delete(key);
  }

  flushAll(): void {
    this.#counters.clear();
  }
}
