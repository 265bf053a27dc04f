import type { SocketConfig } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import type { Logger } from '../../observability/logger.ts';

type BaileysLogger = SocketConfig['logger'];

/** Phones, LIDs and keys. */
const longNumber = /\d{6,}/g;
const maxTextLength = 200;
/** When Signal keys are out of sync, Baileys logs every message: tens of thousands of lines an hour. */
const maxLinesPerText = 10;
const logWindowMs = 60_000;

/**
 * Adapts our logger for Baileys. Passes only warnings and errors, and of their fields only message id and error text:
 * Baileys logs stanzas, keys and phone numbers as objects. Repeated lines are limited to ten a minute.
 */
export function baileysLogger(logger: Logger, monotonicMs: () => number): BaileysLogger {
  const limiter = new LogRateLimiter({ maxLines: maxLinesPerText, windowMs: logWindowMs, monotonicMs });
  const write =
    (level: 'warn' | 'error') =>
    (value: unknown, message?: string): void => {
      const text = formatText(value, message);
      const suppressedCount = limiter.admit(text);
      if (suppressedCount === undefined) return;
      logger[level](text, {
        ...extractFields(value),
        ...(suppressedCount > 0 && { suppressed: suppressedCount }),
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

const maxTexts = 50;

type Window = { lines: number; suppressedCount: number; endsAtMs: number };

/** Limits how often the same text is logged, and counts the suppressed lines. */
export class LogRateLimiter {
  readonly #options: Readonly<{ maxLines: number; windowMs: number; monotonicMs: () => number }>;
  readonly #windows = new LRUCache<string, Window>({ max: maxTexts });

  constructor(options: Readonly<{ maxLines: number; windowMs: number; monotonicMs: () => number }>) {
    this.#options = options;
  }

  /** @returns undefined to suppress the line, otherwise the number of equal lines suppressed before it */
  admit(text: string): number | undefined {
    const { maxLines, windowMs, monotonicMs } = this.#options;
    const nowMs = monotonicMs();
    const window = this.#windows.get(text);
    if (window === undefined || nowMs >= window.endsAtMs) {
      this.#windows.set(text, { lines: 1, suppressedCount: 0, endsAtMs: nowMs + windowMs });
      return window?.suppressedCount ?? 0;
    }
    if (window.lines < maxLines) {
      window.lines += 1;
      return 0;
    }
    window.suppressedCount += 1;
    return undefined;
  }
}
