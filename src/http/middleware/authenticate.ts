import type { IncomingMessage } from 'node:http';
import type { Request, RequestHandler } from 'express';
import { safeEqual } from '../../crypto/hash.ts';
import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { MarketplaceService } from '../../marketplace/marketplace-service.ts';

const maxTokenLength = 4096;
const maxApiKeyLength = 256;

/** The connect token of `Authorization: Bearer`. @throws AppError `INVALID_TOKEN` */
export function bearerToken(request: IncomingMessage): string {
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined || token.length > maxTokenLength) throw new AppError('INVALID_TOKEN');
  return token;
}

export type TokenValidator = Pick<MarketplaceService, 'validateToken'>;

export type ApiKeyLookup = Pick<MarketplaceService, 'companyByApiKey'>;

/** The operator's machine API key, `ADMIN_API_KEY`; no key matches while it is unset. */
export class AdminKey {
  readonly #expected: string | undefined;

  constructor(expected: string | undefined) {
    this.#expected = expected;
  }

  readonly guard: RequestHandler = (request, _response, next) => {
    this.require(request);
    next();
  };

  /** @throws AppError `INVALID_TOKEN` */
  require(request: IncomingMessage): void {
    if (this.#expected === undefined || !safeEqual(apiKey(request), this.#expected))
      throw invalidApiKeyError();
  }
}

/** Accepts the connect token of this company or the admin key. @throws AppError `INVALID_TOKEN` */
export async function requireOwnerOrAdmin(
  request: IncomingMessage,
  companyId: CompanyId,
  { service, adminKey }: Readonly<{ service: TokenValidator; adminKey: AdminKey }>,
): Promise<void> {
  if (request.headers['x-api-key'] !== undefined) adminKey.require(request);
  else await service.validateToken(bearerToken(request), companyId);
}

export type Authenticator<Caller> = Readonly<{
  guard: RequestHandler;
  /** The caller authenticated by this route's guard. */
  caller(request: IncomingMessage): Caller;
}>;

/** A guard that authenticates before the body is read, and a lookup of its result for the handler. */
export function createAuthenticator<Caller extends object | number>(
  authenticate: (request: Request) => Promise<Caller>,
): Authenticator<Caller> {
  const callers = new WeakMap<IncomingMessage, Caller>();
  return {
    guard: async (request, _response, next) => {
      callers.set(request, await authenticate(request));
      next();
    },
    caller(request) {
      const caller = callers.get(request);
      if (caller === undefined) throw new Error('Authentication middleware is missing on this route');
      return caller;
    },
  };
}

/** Authenticates the company that owns the `X-API-Key`, else `INVALID_TOKEN`. */
export function apiKeyAuthenticator(lookup: ApiKeyLookup): Authenticator<Company> {
  return createAuthenticator(async (request) => {
    const company = await lookup.companyByApiKey(apiKey(request));
    if (company === undefined) throw invalidApiKeyError();
    return company;
  });
}

function apiKey(request: IncomingMessage): string {
  const key = request.headers['x-api-key'];
  if (typeof key !== 'string' || key === '' || key.length > maxApiKeyLength) throw invalidApiKeyError();
  return key;
}

function invalidApiKeyError(): AppError {
  return new AppError('INVALID_TOKEN', {
    text: {
      ru: 'Нужен действующий ключ в заголовке X-API-Key.',
      en: 'A valid key is required in the X-API-Key header.',
    },
  });
}
