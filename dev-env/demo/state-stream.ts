import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { DemoWorld } from './demo-simulation.ts';

const checkEveryMs = 150;
/** The server limits questions about one company to 120 a minute, and the connect page asks too. */
const askServerEveryMs = 1500;

/** Tells every open page the state of the world, at once and whenever it has changed (server-sent events). */
export class LiveState implements Disposable {
  readonly #world: DemoWorld;
  readonly #listeners = new Set<ServerResponse>();
  readonly #closing = new AbortController();
  #last = '';

  constructor(world: DemoWorld) {
    this.#world = world;
  }

  attach(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: 1000\n${eventOf(this.#now())}`);
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
  }

  /** Resolves when disposed. */
  async run(): Promise<void> {
    await Promise.all([
      this.#every(checkEveryMs, () => this.#tell()),
      this.#every(askServerEveryMs, async () => {
        if (this.#listeners.size > 0) await this.#world.refresh();
      }),
    ]);
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const response of this.#listeners) response.destroy();
  }

  #tell(): void {
    const now = this.#now();
    if (now === this.#last) return;
    this.#last = now;
    for (const response of this.#listeners) response.write(eventOf(now));
  }

  #now(): string {
    return JSON.stringify(this.#world.state);
  }

  async #every(ms: number, work: () => void | Promise<void>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await work();
      await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }
}

function eventOf(json: string): string {
  return `data: ${json}\n\n`;
}
