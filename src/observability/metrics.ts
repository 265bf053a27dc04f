import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type SessionState, sessionStates } from '../domain/company/session-state.ts';

export type Metrics = Readonly<{
  registry: Registry;
  whatsappConnections: Gauge<'status'>;
  httpRequestDuration: Histogram<'method' | 'route' | 'status'>;
  qrGenerations: Counter;
  whatsappSockets: Counter<'version'>;
  whatsappCloses: Counter<'code'>;
  whatsappAlerts: Counter<'cause'>;
  whatsappWatchdogActions: Counter<'action'>;
  webhooksReceived: Counter<'resource' | 'outcome'>;
  messages: Counter<'kind' | 'status'>;
  received: Counter;
  forwards: Counter<'outcome'>;
  breakerOpen: Gauge<'name'>;
  outages: Gauge<'name'>;
}>;

/** What is asked for at each scrape. */
export type MetricSources = Readonly<{
  sessions(): Partial<Record<SessionState, number>>;
  deafSessions(): number;
  spoolBytes(): number;
  missingWebhookUrls(): number;
  /** Undefined before they were counted. */
  staleValues(): number | undefined;
  /** These are undefined while the database does not answer. */
  inbox(): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }> | undefined>;
  restrictedSessions(): Promise<number | undefined>;
  outbox(): Promise<Readonly<{ queued: number; sending: number; oldestAgeSeconds: number }> | undefined>;
}>;

/**
 * Every metric of the process. No label is unbounded: a company's own figures are in the events and the logs, since
 * thousands of companies as a label would block the event loop at each scrape.
 */
export function createMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const whatsappConnections = new Gauge({
    name: 'marketplace_whatsapp_connections',
    help: 'WhatsApp sessions of this instance by state',
    labelNames: ['status'],
    registers,
    collect() {
      const counts = sources.sessions();
      for (const state of sessionStates) this.set({ status: state }, counts[state] ?? 0);
    },
  });
  addGauge(
    registry,
    'marketplace_whatsapp_deaf_sessions',
    'Sessions that receive nothing after a socket replacement',
    () => sources.deafSessions(),
  );
  addGauge(
    registry,
    'marketplace_spool_bytes',
    'Bytes of webhooks spooled to disk while the database is unavailable',
    () => sources.spoolBytes(),
  );
  addGauge(
    registry,
    'marketplace_webhook_urls_missing',
    'Salons whose YCLIENTS webhook settings lack our URL',
    () => sources.missingWebhookUrls(),
  );
  addGauge(
    registry,
    'marketplace_values_under_other_keys',
    'Stored values not encrypted under the primary key; received messages are counted up to 100,000',
    () => sources.staleValues(),
  );
  addGauge(
    registry,
    'marketplace_inbox_jobs',
    'Webhooks pending processing',
    async () => (await sources.inbox())?.jobs,
  );
  addGauge(
    registry,
    'marketplace_inbox_oldest_age_seconds',
    'Age of the oldest pending webhook',
    async () => (await sources.inbox())?.oldestAgeSeconds,
  );
  addGauge(
    registry,
    'marketplace_outbox_oldest_age_seconds',
    'Overdue time of the oldest queued message',
    async () => (await sources.outbox())?.oldestAgeSeconds,
  );
  addGauge(
    registry,
    'marketplace_whatsapp_restricted_sessions',
    'Numbers under a WhatsApp new-chat restriction, all instances',
    () => sources.restrictedSessions(),
  );
  addOutboxGauge(registry, sources);
  return {
    registry,
    whatsappConnections,
    httpRequestDuration: new Histogram({
      name: 'marketplace_http_request_duration_seconds',
      help: 'Duration of HTTP requests by route template',
      labelNames: ['method', 'route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
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
    webhooksReceived: new Counter({
      name: 'marketplace_webhook_received_total',
      help: 'Webhooks received, by resource and outcome (stored, spooled, refused)',
      labelNames: ['resource', 'outcome'],
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
    messages: new Counter({
      name: 'marketplace_messages_total',
      help: 'Message status transitions, by kind and status',
      labelNames: ['kind', 'status'],
      registers,
    }),
  };
}

/** A number that is asked for at each scrape; without an answer it says nothing. */
function addGauge(
  registry: Registry,
  name: string,
  help: string,
  read: () => number | undefined | Promise<number | undefined>,
): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      registers: [],
      async collect() {
        const value = await read();
        this.reset();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    }),
  );
}

function addOutboxGauge(registry: Registry, { outbox }: MetricSources): void {
  registry.registerMetric(
    new Gauge({
      name: 'marketplace_outbox_messages',
      help: 'Messages pending in the outbox, all salons',
      labelNames: ['status'],
      registers: [],
      async collect() {
        const counts = await outbox();
        this.reset();
        if (counts === undefined) return;
        this.set({ status: 'queued' }, counts.queued);
        this.set({ status: 'sending' }, counts.sending);
      },
    }),
  );
}
