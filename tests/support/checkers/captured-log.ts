import type { MetricSources } from '../../../src/observability/metrics.ts';
import type { LogFields, Logger } from '../../../src/observability/logger.ts';

/** Every line before redaction: what a test finds here, the redactor was not needed for. */
export type CapturedLog = Logger & Readonly<{ lines: readonly string[] }>;

export function captureLog(lines: string[] = [], context: LogFields = {}): CapturedLog {
  const write = (level: string) => (message: string, fields?: LogFields) => {
    lines.push(JSON.stringify({ level, message, ...context, ...fields }, errorReplacer));
  };
  return {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (more) => captureLog(lines, { ...context, ...more }),
  };
}

function errorReplacer(_key: string, value: unknown): unknown {
  return value instanceof Error ? String(value) : value;
}

/** Of a process that has nothing to show. */
export const noMetricSources: MetricSources = {
  sessions: () => ({}),
  deafSessions: () => 0,
  spoolBytes: () => 0,
  missingWebhookUrls: () => 0,
  staleValues: () => undefined,
  inbox: async () => undefined,
  restrictedSessions: async () => undefined,
  outbox: async () => undefined,
};
