import type { CacheStore } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';

const maxEntries = 1_000;
const ttlMs = 60 * 60 * 1_000;

/** Baileys' retry counts per message. Outlives the session's sockets: a reconnect must not restart a retry loop. */
export class MessageRetryCache implements CacheStore {
  readonly #entries = new LRUCache<string, Readonly<{ value: unknown }>>({ max: maxEntries, ttl: ttlMs });

  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the signature is Baileys'
  get<Value>(key: string): Value | undefined {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Baileys reads the type that it wrote
    return this.#entries.get(key)?.value as Value | undefined;
  }

  set(key: string, value: unknown): void {
    this.#entries.set(key, { value });
  }

  del(key: string): void {
    this.#entries.delete(key);
  }

  flushAll(): void {
    this.#entries.clear();
  }
}
