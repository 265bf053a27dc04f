import { LRUCache } from 'lru-cache';
import { Piscina } from 'piscina';
import type { QrRenderer } from '../ports/sessions.ts';

const threads = 2;
/** A code is asked for by everyone who looks at it, for a minute at most. */
const cacheOptions = { max: 300, ttl: 60_000 } as const;
const idleTimeoutMs = 60_000;

/** Renders QR codes in worker threads, each code once. */
export class WorkerQrRenderer implements QrRenderer, AsyncDisposable {
  readonly #pool = new Piscina<string, string>({
    filename: new URL('render-qr.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: threads,
    idleTimeout: idleTimeoutMs,
  });

  readonly #cache = new LRUCache<string, Promise<string>>(cacheOptions);

  async render(text: string): Promise<string> {
    const cached = this.#cache.get(text);
    if (cached !== undefined) return await cached;
    const picture = this.#pool.run(text);
    this.#cache.set(text, picture);
    try {
      return await picture;
    } catch (error) {
      this.#cache.delete(text);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}
