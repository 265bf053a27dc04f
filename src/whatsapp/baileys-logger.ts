import type { SocketConfig } from '@whiskeysockets/baileys';
import type { Logger } from '../observability/logger.ts';

type BaileysLogger = SocketConfig['logger'];

/** Numbers this long are phones, LIDs or keys. */
const longNumber = /\d{6,}/g;
const longestText = 200;

/**
 * Baileys' logger on ours. Only warnings and errors pass, and of what they carry only the words that say what went wrong:
 * Baileys logs stanzas, keys and numbers as objects.
 */
export function baileysLogger(logger: Logger): BaileysLogger {
  const adapter: BaileysLogger = {
    level: 'warn',
    child: () => adapter,
    trace: ignore,
    debug: ignore,
    info: ignore,
    warn: (value, message) => logger.warn(textOf(value, message), fieldsOf(value)),
    error: (value, message) => logger.error(textOf(value, message), fieldsOf(value)),
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
