import type { IncomingMessage } from 'node:http';
import type { Language } from '../domain/company/company.ts';
import { preferredLanguage } from '../lib/preferred-language.ts';

/** Russian unless `Accept-Language` asks for English. */
export function requestLanguage(request: IncomingMessage): Language {
  return preferredLanguage(request.headers['accept-language'], ['ru', 'en']);
}
