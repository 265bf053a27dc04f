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
    'Sessions that hear nothing, also over a new socket',
    () => sources.deafSessions(),
  );
  addGauge(registry, 'marketplace_spool_bytes', 'Webhooks on the disk that wait for the database', () =>
    sources.spoolBytes(),
  );
  addGauge(registry, 'marketplace_webhook_urls_missing', 'Salons whose platform does not post to us', () =>
    sources.missingWebhookUrls(),
  );
  addGauge(
    registry,
    'marketplace_values_under_other_keys',
    'Stored values that are not under the first encryption key; of what clients wrote 100,000 are counted at most',
    () => sources.staleValues(),
  );
  addGauge(
    registry,
    'marketplace_inbox_jobs',
    'Webhooks that are still to be processed',
    async () => (await sources.inbox())?.jobs,
  );
  addGauge(
    registry,
    'marketplace_inbox_oldest_age_seconds',
    'How long the webhook that waits longest has waited',
    async () => (await sources.inbox())?.oldestAgeSeconds,
  );
  addGauge(
    registry,
    'marketplace_outbox_oldest_age_seconds',
    'How long the message that waits longest could have gone already',
    async () => (await sources.outbox())?.oldestAgeSeconds,
  );
  addGauge(
    registry,
    'marketplace_whatsapp_restricted_sessions',
    'Numbers of all instances that WhatsApp lets start no new chats',
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
      help: 'QR codes issued for linking',
      registers,
    }),
    whatsappSockets: new Counter({
      name: 'marketplace_whatsapp_sockets_total',
      help: 'Sockets opened to WhatsApp by the client version that they announce',
      labelNames: ['version'],
      registers,
    }),
    whatsappCloses: new Counter({
      name: 'marketplace_whatsapp_closes_total',
      help: 'Sockets to WhatsApp that closed, by the code of the close',
      labelNames: ['code'],
      registers,
    }),
    whatsappAlerts: new Counter({
      name: 'marketplace_whatsapp_alerts_total',
      help: 'Closes that somebody should know of, by their code or what they mean together',
      labelNames: ['cause'],
      registers,
    }),
    whatsappWatchdogActions: new Counter({
      name: 'marketplace_whatsapp_watchdog_actions_total',
      help: 'What was done about sessions that hear nothing',
      labelNames: ['action'],
      registers,
    }),
    received: new Counter({
      name: 'marketplace_received_messages_total',
      help: 'Texts of clients that were kept',
      registers,
    }),
    forwards: new Counter({
      name: 'marketplace_forwards_total',
      help: "Attempts to hand a client's text to a company's own webhook, by how they ended",
      labelNames: ['outcome'],
      registers,
    }),
    webhooksReceived: new Counter({
      name: 'marketplace_webhook_received_total',
      help: 'Webhooks by what they tell of and where they were made durable, or that nothing took them',
      labelNames: ['resource', 'outcome'],
      registers,
    }),
    breakerOpen: new Gauge({
      name: 'marketplace_breaker_open',
      help: 'Whether calls to a group of YCLIENTS endpoints are held back: 1 or 0',
      labelNames: ['name'],
      registers,
    }),
    outages: new Gauge({
      name: 'marketplace_outage',
      help: 'Whether a part of this process does not get through to the database: 1 or 0',
      labelNames: ['name'],
      registers,
    }),
    messages: new Counter({
      name: 'marketplace_messages_total',
      help: 'Steps of messages by their kind and the status reached',
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
      help: 'Messages of all salons that are still to be sent',
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
