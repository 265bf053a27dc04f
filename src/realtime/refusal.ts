import type { Language } from '../domain/company/company.ts';
import { toPublicError } from '../domain/errors/error-answer.ts';
import type { ErrorPayload } from './events.ts';

export function toErrorPayload(error: unknown, language: Language): ErrorPayload {
  const { code, message, retryAfterSeconds } = toPublicError(error, language);
  return { code, message, ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }) };
}

/** Reaches the client as `connect_error` with `err.data`. */
export class HandshakeError extends Error {
  override readonly name = 'HandshakeError';
  readonly data: ErrorPayload;

  constructor(error: unknown, language: Language) {
    const data = toErrorPayload(error, language);
    super(data.code, { cause: error });
    this.data = data;
  }
}
