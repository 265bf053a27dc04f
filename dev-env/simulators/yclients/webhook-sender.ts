import { setTimeout as delay } from 'node:timers/promises';

export type Delivery = Readonly<{
  url: string;
  body: unknown;
  /** undefined: no answer. */
  status: number | undefined;
  attempts: number;
  durationMs: number;
}>;

export type DeliveryOptions = Readonly<{
  delayMs: number;
  timeoutMs: number;
  /** The vendor's documents contradict each other: none, or two after transport errors, 429 and 5xx. */
  retry: 'none' | 'two';
  retryDelayMs: number;
  /** How many times each event arrives. */
  copies: number;
}>;

type Event = Readonly<{ url: string; body: unknown }>;

/** Posts webhooks as the platform does: in order per address, dropped when the last attempt fails. */
export class WebhookSender {
  readonly deliveries: Delivery[] = [];
  readonly #queues = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #options: () => DeliveryOptions;
  #heldBack: { readonly events: Event[]; readonly size: number } | undefined;

  constructor(rules: () => DeliveryOptions) {
    this.#options = rules;
  }

  /** Holds back the next `size` events and delivers them in reverse order. */
  reverseNext(size: number): void {
    this.#heldBack = { events: [], size };
  }

  send(event: Event): void {
    const heldBack = this.#heldBack;
    if (heldBack === undefined) return this.#enqueue(event);
    heldBack.events.push(event);
    if (heldBack.events.length < heldBack.size) return;
    this.#heldBack = undefined;
    for (const late of heldBack.events.toReversed()) this.#enqueue(late);
  }

  async post({ url, body }: Event): Promise<Delivery> {
    const { retry, retryDelayMs } = this.#options();
    const maxAttempts = retry === 'two' ? 3 : 1;
    const startedAt = performance.now();
    let attempts = 1;
    let status = await this.#attempt(url, body);
    while (attempts < maxAttempts && isRetryable(status) && !this.#closing.signal.aborted) {
      await this.#sleep(retryDelayMs);
      attempts += 1;
      status = await this.#attempt(url, body);
    }
    const delivery = { url, body, status, attempts, durationMs: performance.now() - startedAt };
    this.deliveries.push(delivery);
    return delivery;
  }

  /** Resolves when nothing is in flight. */
  async waitUntilIdle(): Promise<void> {
    let queues: Promise<void>[];
    do {
      queues = [...this.#queues.values()];
      await Promise.all(queues);
    } while (queues.some((queue, index) => [...this.#queues.values()][index] !== queue));
  }

  close(): void {
    this.#closing.abort();
  }

  #enqueue(event: Event): void {
    this.#queues.set(event.url, this.#deliverAfter(this.#queues.get(event.url), event));
  }

  async #deliverAfter(previous: Promise<void> | undefined, event: Event): Promise<void> {
    const { delayMs, copies } = this.#options();
    await previous;
    if (delayMs > 0) await this.#sleep(delayMs);
    for (let copy = 0; copy < copies && !this.#closing.signal.aborted; copy += 1) await this.post(event);
  }

  async #attempt(url: string, body: unknown): Promise<number | undefined> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#options().timeoutMs)]);
    try {
      const response = await fetch(url, {
        method: 'POST',
        redirect: 'manual',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        signal,
      });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return undefined;
    }
  }

  async #sleep(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#closing.signal });
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
    }
  }
}

function isRetryable(status: number | undefined): boolean {
  return status === undefined || status === 429 || status >= 500;
}
