import type { IncomingHttpHeaders } from 'node:http';
import Negotiator from 'negotiator';

/**
 * The supported language that `Accept-Language` ranks highest; the first supported one when it names none.
 * Compares primary subtags: `en-US;q=0.9` counts as `en`.
 */
export function preferredLanguage<Supported extends string>(
  headers: IncomingHttpHeaders,
  supported: readonly [Supported, ...Supported[]],
): Supported {
  const accepted = new Negotiator({ headers }).languages().map((tag) => tag.toLowerCase().split('-')[0]);
  for (const primary of accepted) {
    const language = supported.find((candidate) => candidate === primary);
    if (language !== undefined) return language;
  }
  return supported[0];
}
