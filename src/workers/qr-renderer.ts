import { LRUCache } from 'lru-cache';
import { Piscina } from 'piscina';
import type { QrRenderer } from '../ports/sessions.ts';

const maxThreads = 2;
/** Every open page requests the same code, which is valid for a minute at most. */
const cacheOptions = { max: 300, ttl: 60_000 } as const;
const idleTimeoutMs = 60_000;

/** Renders QR codes in worker threads. Each code is rendered once; failures are not cached. */
export class WorkerQrRenderer implements QrRenderer, AsyncDisposable {
  readonly #pool = new Piscina<string, string>({
    filename: new URL('render-qr.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads,
    idleTimeout: idleTimeoutMs,
  });

  readonly #cache = new LRUCache<string, Promise<string>>(cacheOptions);

  async render(text: string): Promise<string> {
    const cached = this.#cache.get(text);
    if (cached !== undefined) return await cached;
    const image = this.#pool.run(text);
    this.#cache.set(text, image);
    try {
      return await image;
    } catch (error) {
      this.#cache.delete(text);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}
