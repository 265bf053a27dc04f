import type { Language } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom } from '../domain/ids.ts';
import type { AddressLimiter } from '../lib/net/ip-rate-limiter.ts';
import { clientAddress } from '../lib/net/client-ip.ts';
import { preferredLanguage } from '../lib/preferred-language.ts';
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
 * The token of a handshake: `auth.token`, `Authorization: Bearer`, `x-auth-token`, or, for old clients, the query.
 * @throws AppError `INVALID_TOKEN`
 */
export function tokenOf(handshake: Handshake): string {
  const token = tokenBesideQuery(handshake) ?? handshake.query['token'];
  if (typeof token === 'string' && token !== '' && token.length <= longestToken) return token;
  throw new AppError('INVALID_TOKEN');
}

/** Whether the token comes in the address, where logs on its way can see it. */
export function showsTokenInAddress(handshake: Handshake): boolean {
  return tokenBesideQuery(handshake) === undefined && handshake.query['token'] !== undefined;
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

function tokenBesideQuery({ auth, headers }: Handshake): unknown {
  const bearer = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1];
  const offered: unknown = auth['token'];
  return offered ?? bearer ?? headers['x-auth-token'];
}
