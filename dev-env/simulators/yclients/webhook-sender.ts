import { setTimeout as delay } from 'node:timers/promises';

export type Delivery = Readonly<{
  url: string;
  body: unknown;
  /** undefined: no answer. */
  status: number | undefined;
  attempts: number;
  durationMs: number;
}>;

export type DeliveryRules = Readonly<{
  delayMs: number;
  timeoutMs: number;
  /** The vendor's documents contradict each other: none, or two after transport errors, 429 and 5xx. */
  retry: 'none' | 'two';
  retryGapMs: number;
  /** How many times each event arrives. */
  copies: number;
}>;

type Event = Readonly<{ url: string; body: unknown }>;

/** Posts webhooks as the platform does: events of one address one after another, lost when the last attempt fails. */
export class WebhookSender {
  readonly deliveries: Delivery[] = [];
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #closing = new AbortController();
  readonly #rules: () => DeliveryRules;
  #held: { readonly events: Event[]; readonly size: number } | undefined;

  constructor(rules: () => DeliveryRules) {
    this.#rules = rules;
  }

  /** The next `size` events are held back, then delivered last first. */
  reverseNext(size: number): void {
    this.#held = { events: [], size };
  }

  send(event: Event): void {
    const held = this.#held;
    if (held === undefined) return this.#enqueue(event);
    held.events.push(event);
    if (held.events.length < held.size) return;
    this.#held = undefined;
    for (const late of held.events.toReversed()) this.#enqueue(late);
  }

  async post({ url, body }: Event): Promise<Delivery> {
    const { retry, retryGapMs } = this.#rules();
    const maxAttempts = retry === 'two' ? 3 : 1;
    const startedAt = performance.now();
    let attempts = 1;
    let status = await this.#attempt(url, body);
    while (attempts < maxAttempts && isWorthRetrying(status) && !this.#closing.signal.aborted) {
      await this.#pause(retryGapMs);
      attempts += 1;
      status = await this.#attempt(url, body);
    }
    const delivery = { url, body, status, attempts, durationMs: performance.now() - startedAt };
    this.deliveries.push(delivery);
    return delivery;
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    let lanes: Promise<void>[];
    do {
      lanes = [...this.#lanes.values()];
      await Promise.all(lanes);
    } while (lanes.some((lane, index) => [...this.#lanes.values()][index] !== lane));
  }

  close(): void {
    this.#closing.abort();
  }

  #enqueue(event: Event): void {
    this.#lanes.set(event.url, this.#deliverAfter(this.#lanes.get(event.url), event));
  }

  async #deliverAfter(previous: Promise<void> | undefined, event: Event): Promise<void> {
    const { delayMs, copies } = this.#rules();
    await previous;
    if (delayMs > 0) await this.#pause(delayMs);
    for (let copy = 0; copy < copies && !this.#closing.signal.aborted; copy += 1) await this.post(event);
  }

  async #attempt(url: string, body: unknown): Promise<number | undefined> {
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#rules().timeoutMs)]);
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

  async #pause(ms: number): Promise<void> {
    try {
      await delay(ms, undefined, { signal: this.#closing.signal });
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
    }
  }
}

function isWorthRetrying(status: number | undefined): boolean {
  return status === undefined || status === 429 || status >= 500;
}
