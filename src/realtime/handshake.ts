import { AppError } from '../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom } from '../domain/ids.ts';
import { isLanguage, type Language, languages } from '../domain/language.ts';
import { preferredLanguage } from '../lib/net/accept-language.ts';
import type { MarketplaceClient } from './events.ts';

type Handshake = MarketplaceClient['handshake'];

const maxTokenLength = 4096;

export function handshakeLanguage(handshake: Handshake): Language {
  const requested: unknown = handshake.auth['language'];
  return isLanguage(requested) ? requested : preferredLanguage(handshake.headers, languages);
}

/**
 * The connect token from `auth.token`, `Authorization: Bearer`, `x-auth-token` or, for old clients, the query.
 * @throws AppError `INVALID_TOKEN`
 */
export function readToken(handshake: Handshake): string {
  const token = tokenOutsideQuery(handshake) ?? handshake.query['token'];
  if (typeof token === 'string' && token !== '' && token.length <= maxTokenLength) return token;
  throw new AppError('INVALID_TOKEN');
}

/** Whether the token is in the URL, which proxies may log. */
export function isTokenInQuery(handshake: Handshake): boolean {
  return tokenOutsideQuery(handshake) === undefined && handshake.query['token'] !== undefined;
}

/** The company that the client expects, from the query. @throws AppError `VALIDATION_ERROR` */
export function readCompanyId(handshake: Handshake): CompanyId | undefined {
  const { companyId } = handshake.query;
  return companyId === undefined ? undefined : companyIdFrom(companyId);
}

function tokenOutsideQuery({ auth, headers }: Handshake): unknown {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const authToken: unknown = auth['token'];
  return authToken ?? bearer ?? headers['x-auth-token'];
}
