import type { SocketConfig } from '@whiskeysockets/baileys';
import type { Logger } from '../../observability/logger.ts';
import { LineLimiter } from './line-limiter.ts';

type BaileysLogger = SocketConfig['logger'];

/** Numbers this long are phones, LIDs or keys. */
const longNumber = /\d{6,}/g;
const longestText = 200;
/** A session whose keys are out of step makes Baileys say so for every message, tens of thousands of times an hour. */
const linesOfAKind = 10;
const perMs = 60_000;

/**
 * Baileys' logger on ours. Only warnings and errors pass, and of what they carry only the words that say what went wrong:
 * Baileys logs stanzas, keys and numbers as objects. Of one kind of line ten a minute are kept, and the rest is counted.
 */
export function baileysLogger(logger: Logger, monotonicNow: () => number): BaileysLogger {
  const limiter = new LineLimiter({ lines: linesOfAKind, perMs, monotonicNow });
  const write =
    (level: 'warn' | 'error') =>
    (value: unknown, message?: string): void => {
      const text = textOf(value, message);
      const leftOut = limiter.admit(text);
      if (leftOut === undefined) return;
      logger[level](text, { ...fieldsOf(value), ...(leftOut > 0 && { leftOut }) });
    };
  const adapter: BaileysLogger = {
    level: 'warn',
    child: () => adapter,
    trace: ignore,
    debug: ignore,
    info: ignore,
    warn: write('warn'),
    error: write('error'),
  };
  return adapter;
}

function ignore(): void {}

function textOf(value: unknown, message: string | undefined): string {
  return `Baileys: ${masked(message ?? (typeof value === 'string' ? value : 'no message'))}`;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return {};
  const fields: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(value)) {
    if (name === 'msgId' && typeof field === 'string') fields['whatsappMessageId'] = field;
    if (field instanceof Error) fields['reason'] = masked(`${field.name}: ${field.message}`);
    if (name === 'trace' && typeof field === 'string')
      fields['reason'] = masked(field.split('\n', 1)[0] ?? '');
  }
  return fields;
}

function masked(text: string): string {
  return text.slice(0, longestText).replace(longNumber, '***');
}
