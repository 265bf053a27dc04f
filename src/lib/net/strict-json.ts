export type StrictJsonErrorReason = 'depth' | 'syntax' | 'key';

/** The JSON was rejected. `depth` and `key` (such as `__proto__`) indicate an attack. */
export class StrictJsonError extends Error {
  override readonly name = 'StrictJsonError';
  readonly reason: StrictJsonErrorReason;

  constructor(reason: StrictJsonErrorReason, cause?: unknown) {
    super(`JSON rejected: ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);
/** Pre-check, escapes included: a reviver that inspects every key costs more than the parsing itself. */
const mayContainForbiddenKey = /__proto__|constructor|prototype|\\u00[4-7]/i;

const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('"\\{}[]');

/**
 * Whether brackets nest deeper than `maxDepth`. `JSON.parse` accepts 30,000 levels, on which any later recursion over the
 * value overflows the stack.
 */
export function exceedsJsonDepth(text: string, maxDepth: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (inString) {
      if (char === backslash) at += 1;
      else if (char === quote) inString = false;
    } else if (char === quote) inString = true;
    else if (char === openBrace || char === openBracket) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (char === closeBrace || char === closeBracket) depth -= 1;
  }
  return false;
}

export type JsonOptions = Readonly<{
  /** Returns numbers as their source text: `1990.00` stays `1990.00`. */
  numbersAsText?: boolean;
}>;

/** `JSON.parse` with a depth limit and without prototype keys. @throws StrictJsonError */
export function parseStrictJson(text: string, maxDepth: number, options: JsonOptions = {}): unknown {
  if (exceedsJsonDepth(text, maxDepth)) throw new StrictJsonError('depth');
  try {
    if (options.numbersAsText === true) return JSON.parse(text, numberAsText);
    return JSON.parse(text, mayContainForbiddenKey.test(text) ? rejectForbiddenKeys : undefined);
  } catch (error) {
    if (error instanceof StrictJsonError) throw error;
    throw new StrictJsonError('syntax');
  }
}

function rejectForbiddenKeys(key: string, value: unknown): unknown {
  if (forbiddenKeys.has(key)) throw new StrictJsonError('key');
  return value;
}

function numberAsText(key: string, value: unknown, context?: Readonly<{ source?: string }>): unknown {
  return typeof value === 'number' ? context?.source : rejectForbiddenKeys(key, value);
}
