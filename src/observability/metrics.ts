import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type SessionState, sessionStates } from '../domain/company/session-state.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/** A scrape must not hang with the database. */
const readTimeoutMs = 1_000;

type Read<Value> = () => Value | undefined | Promise<Value | undefined>;

/** Gauges that share one source, read at each scrape. They have no samples while the source is unset, undefined or fails. */
class ScrapedGauges<Value> {
  readonly #registry: Registry;
  #read: Read<Value> = () => undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  readFrom(read: Read<Value>): void {
    this.#read = read;
  }

  add(name: string, help: string, select: (value: Value) => number): this {
    return this.#register(name, help, [], (gauge, value) => gauge.set(select(value)));
  }

  /** One sample for each status. */
  addByStatus(name: string, help: string, select: (value: Value) => Readonly<Record<string, number>>): this {
    return this.#register(name, help, ['status'], (gauge, value) => {
      for (const [status, count] of Object.entries(select(value))) gauge.set({ status }, count);
    });
  }

  async #readInTime(): Promise<Value | undefined> {
    try {
      return await withTimeout(Promise.try(this.#read), readTimeoutMs);
    } catch {
      return undefined;
    }
  }

  #register(
    name: string,
    help: string,
    labelNames: 'status'[],
    setSamples: (gauge: Gauge<'status'>, value: Value) => void,
  ): this {
    const readInTime = (): Promise<Value | undefined> => this.#readInTime();
    const gauge = new Gauge({
      name,
      help,
      labelNames,
      registers: [],
      async collect() {
        const value = await readInTime();
        this.reset();
        if (value !== undefined) setSamples(this, value);
        // `reset` leaves a gauge without labels at 0.
        else if (labelNames.length === 0) this.remove();
      },
    });
    this.#registry.registerMetric(gauge);
    return this;
  }
}

/**
 * All metrics of the process. No label is unbounded: with thousands of companies, a company label would block the event loop
 * at each scrape. Figures of one company are in its events and in the logs.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  return {
    registry,
    httpRequestDuration: new Histogram({
      name: 'marketplace_http_request_duration_seconds',
      help: 'Duration of HTTP requests by route template',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),

    sessions: new ScrapedGauges<Partial<Record<SessionState, number>>>(registry).addByStatus(
      'marketplace_whatsapp_connections',
      'WhatsApp sessions of this instance by state',
      (counts) => Object.fromEntries(sessionStates.map((state) => [state, counts[state] ?? 0])),
    ),
    deafSessions: new ScrapedGauges<number>(registry).add(
      'marketplace_whatsapp_deaf_sessions',
      'Sessions that receive nothing after a socket replacement',
      (count) => count,
    ),
    restrictedSessions: new ScrapedGauges<number>(registry).add(
      'marketplace_whatsapp_restricted_sessions',
      'Numbers under a WhatsApp new-chat restriction, all instances',
      (count) => count,
    ),
    qrGenerations: new Counter({
      name: 'marketplace_qr_generations_total',
      help: 'QR codes issued',
      registers,
    }),
    whatsappSockets: new Counter({
      name: 'marketplace_whatsapp_sockets_total',
      help: 'WhatsApp sockets opened, by client version',
      labelNames: ['version'],
      registers,
    }),
    whatsappCloses: new Counter({
      name: 'marketplace_whatsapp_closes_total',
      help: 'WhatsApp sockets closed, by close code',
      labelNames: ['code'],
      registers,
    }),
    whatsappAlerts: new Counter({
      name: 'marketplace_whatsapp_alerts_total',
      help: 'WhatsApp alerts, by close code or cause',
      labelNames: ['cause'],
      registers,
    }),
    whatsappWatchdogActions: new Counter({
      name: 'marketplace_whatsapp_watchdog_actions_total',
      help: 'Receive watchdog actions',
      labelNames: ['action'],
      registers,
    }),

    webhooksReceived: new Counter({
      name: 'marketplace_webhook_received_total',
      help: 'Webhooks received, by resource and outcome (stored, spooled, refused)',
      labelNames: ['resource', 'outcome'],
      registers,
    }),
    inbox: new ScrapedGauges<Readonly<{ jobs: number; oldestAgeSeconds: number }>>(registry)
      .add('marketplace_inbox_jobs', 'Webhooks pending processing', ({ jobs }) => jobs)
      .add(
        'marketplace_inbox_oldest_age_seconds',
        'Age of the oldest pending webhook',
        ({ oldestAgeSeconds }) => oldestAgeSeconds,
      ),
    spoolBytes: new ScrapedGauges<number>(registry).add(
      'marketplace_spool_bytes',
      'Bytes of webhooks spooled to disk while the database is unavailable',
      (bytes) => bytes,
    ),
    missingWebhookUrls: new ScrapedGauges<number>(registry).add(
      'marketplace_webhook_urls_missing',
      'Salons whose YCLIENTS webhook settings lack our URL',
      (count) => count,
    ),

    messages: new Counter({
      name: 'marketplace_messages_total',
      help: 'Message status transitions, by kind and status',
      labelNames: ['kind', 'status'],
      registers,
    }),
    outbox: new ScrapedGauges<Readonly<{ queued: number; sending: number; oldestAgeSeconds: number }>>(
      registry,
    )
      .addByStatus(
        'marketplace_outbox_messages',
        'Messages pending in the outbox, all salons',
        ({ queued, sending }) => ({ queued, sending }),
      )
      .add(
        'marketplace_outbox_oldest_age_seconds',
        'Overdue time of the oldest queued message',
        ({ oldestAgeSeconds }) => oldestAgeSeconds,
      ),
    received: new Counter({
      name: 'marketplace_received_messages_total',
      help: 'Received client messages stored',
      registers,
    }),
    forwards: new Counter({
      name: 'marketplace_forwards_total',
      help: 'Outgoing webhook delivery attempts, by outcome',
      labelNames: ['outcome'],
      registers,
    }),

    breakerOpen: new Gauge({
      name: 'marketplace_breaker_open',
      help: 'Whether the circuit breaker of a YCLIENTS endpoint group is open (1) or closed (0)',
      labelNames: ['name'],
      registers,
    }),
    outages: new Gauge({
      name: 'marketplace_outage',
      help: 'Whether a component has lost the database (1) or not (0)',
      labelNames: ['name'],
      registers,
    }),
    staleValues: new ScrapedGauges<number>(registry).add(
      'marketplace_values_under_other_keys',
      'Stored values not encrypted under the primary key; received messages are counted up to 100,000',
      (count) => count,
    ),
  };
}
