import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import winston from 'winston';
import { withTimeout } from '../lib/async/with-timeout.ts';
import { LogFile } from './log-file.ts';
import { redact, redactText } from './redact.ts';

export type LogFields = Readonly<Record<string, unknown>>;

/** Writes one line of JSON for each event. Messages and fields are redacted: no secret and no phone reaches the log. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `context` to each line. */
  child(context: LogFields): Logger;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

export const logLevels = ['error', 'warn', 'info', 'debug'] as const satisfies readonly LogLevel[];

const maxFileBytes = 20 * 1024 * 1024;
const maxFiles = 5;
const flushTimeoutMs = 2_000;

/**
 * Writes to the console and to `marketplace-combined.log` and `marketplace-error.log`, rotated by size, in `directory`, which
 * must exist. Disposal flushes the files, for 2 s at most.
 */
export function createLogger(
  options: Readonly<{ level: LogLevel; directory: string; console: boolean; context: LogFields }>,
): Logger & AsyncDisposable {
  const file = (name: string): LogFile => {
    const path = join(options.directory, name);
    const onError = (error: unknown): void => {
      process.stderr.write(`Log lines lost in ${path}: ${String(error)}\n`);
    };
    return new LogFile({ path, maxBytes: maxFileBytes, maxFiles, onError });
  };
  const combined = file('marketplace-combined.log');
  const errors = file('marketplace-error.log');
  const logger = winston.createLogger({
    level: options.level,
    defaultMeta: options.context,
    format: winston.format.combine(redaction(), winston.format.timestamp(), winston.format.json()),
    transports: [
      new winston.transports.Stream({ stream: combined }),
      new winston.transports.Stream({ stream: errors, level: 'error' }),
      ...(options.console ? [new winston.transports.Console()] : []),
    ],
  });
  const state = { closed: false };
  return Object.assign(facade(logger, state), {
    [Symbol.asyncDispose]: async () => {
      state.closed = true;
      await withTimeout(flush(logger, [combined, errors]), flushTimeoutMs);
    },
  });
}

/** @param state `closed` drops lines: libraries log after disposal, and writing to an ended stream would crash the process */
function facade(logger: winston.Logger, state: Readonly<{ closed: boolean }>): Logger {
  const write = (level: LogLevel) => (message: string, fields?: LogFields) => {
    // Winston would format and redact the line before its transports drop it by level.
    if (state.closed || !logger.isLevelEnabled(level)) return;
    // Winston appends a field named `message` to the message of the line.
    logger.log(level, message, fields === undefined ? undefined : { ...fields, message: undefined });
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (context) => facade(logger.child(context), state),
  };
}

const redaction = winston.format((info) => {
  for (const [name, value] of Object.entries(info)) {
    // An instance id may consist of digits; masked as a phone it could not be searched for.
    if (name === 'level' || name === 'instance') continue;
    info[name] = name === 'message' ? redactText(String(value)) : redact(value, name);
  }
  return info;
});

async function flush(logger: winston.Logger, files: readonly LogFile[]): Promise<void> {
  logger.end();
  await finished(logger, { readable: false });
  await Promise.all(files.map((file) => finished(file.end())));
}
