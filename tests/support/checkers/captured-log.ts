import type { LogFields, Logger } from '../../../src/observability/logger.ts';

/** Records lines before redaction, so that a test sees what the code itself logs. */
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
