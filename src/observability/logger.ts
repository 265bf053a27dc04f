import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import winston from 'winston';
import { redact, redactText } from './redact.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** One line of JSON an event. Fields are redacted on their way out: secrets and phones never reach a log. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line carries `context`. */
  child(context: LogFields): Logger;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const satisfies readonly LogLevel[];

const fileBytes = 20 * 1024 * 1024;
const filesKept = 5;

/**
 * Writes to the console and to `marketplace-combined.log` and `marketplace-error.log` in `directory`, rotated by size.
 * Disposal waits until the files hold everything.
 */
export function createLogger(
  options: Readonly<{ level: LogLevel; directory: string; console: boolean; context: LogFields }>,
): Logger & AsyncDisposable {
  mkdirSync(options.directory, { recursive: true });
  const file = (filename: string, level?: LogLevel): winston.transport =>
    new winston.transports.File({
      filename: join(options.directory, filename),
      maxsize: fileBytes,
      maxFiles: filesKept,
      tailable: true,
      ...(level !== undefined && { level }),
    });
  const logger = winston.createLogger({
    level: options.level,
    defaultMeta: options.context,
    format: winston.format.combine(redaction(), winston.format.timestamp(), winston.format.json()),
    transports: [
      file('marketplace-combined.log'),
      file('marketplace-error.log', 'error'),
      ...(options.console ? [new winston.transports.Console()] : []),
    ],
  });
  return Object.assign(facade(logger), { [Symbol.asyncDispose]: () => flush(logger) });
}

function facade(logger: winston.Logger): Logger {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    // A field named `message` would be glued to the line's own message by winston.
    logger.log(level, message, fields === undefined ? undefined : { ...fields, message: undefined });
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (context) => facade(logger.child(context)),
  };
}

const redaction = winston.format((info) => {
  for (const [name, value] of Object.entries(info)) {
    if (name === 'level') continue;
    info[name] = name === 'message' ? redactText(String(value)) : redact(value, name);
  }
  return info;
});

async function flush(logger: winston.Logger): Promise<void> {
  const transports = logger.transports.filter((transport) => transport instanceof winston.transports.File);
  const finished = transports.map(
    (transport) => new Promise<void>((resolve) => void transport.once('finish', resolve)),
  );
  logger.end();
  await Promise.all(finished);
}
