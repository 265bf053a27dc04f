import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type SessionState, sessionStates } from '../domain/session-state.ts';

export type Metrics = Readonly<{
  registry: Registry;
  whatsappConnections: Gauge<'status'>;
  httpRequestDuration: Histogram<'method' | 'route' | 'status'>;
  qrGenerations: Counter;
}>;

/**
 * Every metric of the process. No label is unbounded: a company's own figures are in the events and the logs, since
 * thousands of companies as a label would block the event loop at each scrape.
 */
export function createMetrics(countSessions: () => Partial<Record<SessionState, number>>): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const whatsappConnections = new Gauge({
    name: 'marketplace_whatsapp_connections',
    help: 'WhatsApp sessions of this instance by state',
    labelNames: ['status'],
    registers,
    collect() {
      const counts = countSessions();
      for (const state of sessionStates) this.set({ status: state }, counts[state] ?? 0);
    },
  });
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
  };
}
