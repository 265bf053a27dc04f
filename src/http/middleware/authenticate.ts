import type { IncomingMessage } from 'node:http';
import type { RequestHandler } from 'express';
import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import { safeEqual } from '../../crypto/hash.ts';

const maxTokenLength = 4096;
const maxApiKeyLength = 256;

/** The connect token of `Authorization: Bearer`; the query is never looked at. @throws AppError `INVALID_TOKEN` */
export function bearerToken(request: IncomingMessage): string {
  const token = /^Bearer +([\w.~+/=-]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined || token.length > maxTokenLength) throw new AppError('INVALID_TOKEN');
  return token;
}

export type ApiKeyLookup = Readonly<{ companyByApiKey(apiKey: string): Promise<Company | undefined> }>;

/** The company whose `X-API-Key` this is. @throws AppError `INVALID_TOKEN` */
export async function authenticateByApiKey(request: IncomingMessage, lookup: ApiKeyLookup): Promise<Company> {
  const company = await lookup.companyByApiKey(apiKey(request));
  if (company === undefined) throw invalidApiKey();
  return company;
}

/** Who may use the machine interface of the operator: the holder of `ADMIN_API_KEY`, nobody when it is not set. */
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
    if (!this.matches(request)) throw invalidApiKey();
  }

  matches(request: IncomingMessage): boolean {
    return this.#expected !== undefined && safeEqual(apiKey(request), this.#expected);
  }
}

export function hasApiKey(request: IncomingMessage): boolean {
  return request.headers['x-api-key'] !== undefined;
}

function apiKey(request: IncomingMessage): string {
  const key = request.headers['x-api-key'];
  if (typeof key !== 'string' || key === '' || key.length > maxApiKeyLength) throw invalidApiKey();
  return key;
}

function invalidApiKey(): AppError {
  return new AppError('INVALID_TOKEN', {
    text: {
      ru: 'Нужен действующий ключ в заголовке X-API-Key.',
      en: 'A valid key is required in the X-API-Key header.',
    },
  });
}

export type Authenticator<Caller> = Readonly<{
  guard: RequestHandler;
  /** Whom the guard of the same route found. */
  caller(request: IncomingMessage): Caller;
}>;

/** Settles who is asking before the body is read, and keeps the answer for the handler. */
export function createAuthenticator<Caller extends object | number>(
  authenticate: (request: IncomingMessage) => Promise<Caller>,
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
