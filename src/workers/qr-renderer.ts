import { Piscina } from 'piscina';
import type { QrRenderer } from '../marketplace/ports.ts';

const threads = 2;
const idleTimeoutMs = 60_000;

/** Renders QR codes in worker threads. */
export class WorkerQrRenderer implements QrRenderer, AsyncDisposable {
  readonly #pool = new Piscina<string, string>({
    filename: new URL('render-qr.ts', import.meta.url).href,
    minThreads: 1,
    maxThreads: threads,
    idleTimeout: idleTimeoutMs,
  });

  async render(text: string): Promise<string> {
    return await this.#pool.run(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.close();
  }
}
