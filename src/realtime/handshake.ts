import type { Language } from '../domain/company.ts';
import { AppError } from '../domain/errors.ts';
import { type CompanyId, companyIdFrom } from '../domain/ids.ts';
import type { AddressLimiter } from '../lib/address-limiter.ts';
import { clientAddress } from '../lib/client-address.ts';
import { preferredLanguage } from '../lib/preferred-language.ts';
import type { Logger } from '../observability/logger.ts';
import type { MarketplaceClient } from './events.ts';

type Handshake = MarketplaceClient['handshake'];

const longestToken = 4096;

export function languageOf(handshake: Handshake): Language {
  const wanted: unknown = handshake.auth['language'];
  if (wanted === 'ru' || wanted === 'en') return wanted;
  return preferredLanguage(handshake.headers['accept-language'], ['ru', 'en']);
}

/** The address of the client behind exactly `trustProxy` proxies. */
export function addressOf(socket: MarketplaceClient, trustProxy: number): string {
  return clientAddress(socket.request, trustProxy);
}

/**
 * The token of a handshake: `auth.token`, `Authorization: Bearer`, `x-auth-token`, or, for old clients, the query, where
 * addresses and their logs leak it.
 * @throws AppError `INVALID_TOKEN`
 */
export function tokenOf(handshake: Handshake, logger: Logger): string {
  const { auth, headers, query } = handshake;
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const offered: unknown = auth['token'] ?? bearer ?? headers['x-auth-token'];
  if (offered === undefined && query['token'] !== undefined) {
    logger.warn('a client sends its token in the query, where logs can see it');
    return requireToken(query['token']);
  }
  return requireToken(offered);
}

/** The company that the client says it wants, if it says so. @throws AppError `VALIDATION_ERROR` */
export function companyIdOf(handshake: Handshake): CompanyId | undefined {
  const { companyId } = handshake.query;
  return companyId === undefined ? undefined : companyIdFrom(companyId);
}

/** @throws AppError `RATE_LIMIT` */
export async function spendConnection(limiter: AddressLimiter, address: string): Promise<void> {
  const retryAfterSeconds = await limiter.consume(address);
  if (retryAfterSeconds !== undefined) throw new AppError('RATE_LIMIT', { retryAfterSeconds });
}

function requireToken(value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.length <= longestToken) return value;
  throw new AppError('INVALID_TOKEN');
}
