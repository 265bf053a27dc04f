import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { DemoSimulation } from './demo-simulation.ts';

const broadcastIntervalMs = 150;
/** The server allows 120 status requests a minute per company; the connect page uses the same limit. */
const refreshIntervalMs = 1500;

/** Sends the state to every open page, at connection and after each change (server-sent events). */
export class StateStream implements Disposable {
  readonly #simulation: DemoSimulation;
  readonly #listeners = new Set<ServerResponse>();
  readonly #closing = new AbortController();
  #last = '';

  constructor(simulation: DemoSimulation) {
    this.#simulation = simulation;
  }

  attach(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(`retry: 1000\n${formatEvent(this.#snapshot())}`);
    this.#listeners.add(response);
    response.on('close', () => this.#listeners.delete(response));
  }

  /** Resolves when disposed. */
  async run(): Promise<void> {
    await Promise.all([
      this.#repeat(broadcastIntervalMs, () => this.#broadcast()),
      this.#repeat(refreshIntervalMs, async () => {
        if (this.#listeners.size > 0) await this.#simulation.refresh();
      }),
    ]);
  }

  [Symbol.dispose](): void {
    this.#closing.abort();
    for (const response of this.#listeners) response.destroy();
  }

  #broadcast(): void {
    const snapshot = this.#snapshot();
    if (snapshot === this.#last) return;
    this.#last = snapshot;
    for (const response of this.#listeners) response.write(formatEvent(snapshot));
  }

  #snapshot(): string {
    return JSON.stringify(this.#simulation.state);
  }

  async #repeat(ms: number, work: () => void | Promise<void>): Promise<void> {
    while (!this.#closing.signal.aborted) {
      await work();
      await delay(ms, undefined, { signal: this.#closing.signal }).catch(() => undefined);
    }
  }
}

function formatEvent(json: string): string {
  return `data: ${json}\n\n`;
}
