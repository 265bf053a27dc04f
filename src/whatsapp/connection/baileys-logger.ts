import type { SocketConfig } from '@whiskeysockets/baileys';
import type { Logger } from '../../observability/logger.ts';
import { LogRateLimiter } from './line-limiter.ts';

type BaileysLogger = SocketConfig['logger'];

/** Numbers this long are phones, LIDs or keys. */
const longNumber = /\d{6,}/g;
const maxTextLength = 200;
/** A session whose keys are out of step makes Baileys say so for every message, tens of thousands of times an hour. */
const maxLinesPerText = 10;
const windowMs = 60_000;

/**
 * Baileys' logger on ours. Only warnings and errors pass, and of what they carry only the words that say what went wrong:
 * Baileys logs stanzas, keys and numbers as objects. Of one kind of line ten a minute are kept, and the rest is counted.
 */
export function baileysLogger(logger: Logger, monotonicMs: () => number): BaileysLogger {
  const limiter = new LogRateLimiter({ maxLines: maxLinesPerText, windowMs, monotonicMs });
  const write =
    (level: 'warn' | 'error') =>
    (value: unknown, message?: string): void => {
      const text = formatText(value, message);
      const suppressedCount = limiter.admit(text);
      if (suppressedCount === undefined) return;
      logger[level](text, {
        ...extractFields(value),
        ...(suppressedCount > 0 && { leftOut: suppressedCount }),
      });
    };
  const adapter: BaileysLogger = {
    level: 'warn',
    child: () => adapter,
    trace: noop,
    debug: noop,
    info: noop,
    warn: write('warn'),
    error: write('error'),
  };
  return adapter;
}

function noop(): void {}

function formatText(value: unknown, message: string | undefined): string {
  return `Baileys: ${mask(message ?? (typeof value === 'string' ? value : 'no message'))}`;
}

function extractFields(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {};
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === 'msgId' && typeof field === 'string') fields['whatsappMessageId'] = field;
    if (field instanceof Error) fields['reason'] = mask(`${field.name}: ${field.message}`);
    if (name === 'trace' && typeof field === 'string') fields['reason'] = mask(field.split('\n', 1)[0] ?? '');
  }
  return fields;
}

function mask(text: string): string {
  return text.slice(0, maxTextLength).replace(longNumber, '***');
}
