import type { Language } from '../domain/company/company.ts';
import { answerTo } from '../domain/errors/error-answer.ts';
import type { Refusal } from './events.ts';

export function refusalOf(error: unknown, language: Language): Refusal {
  const { code, message, retryAfterSeconds } = answerTo(error, language);
  return { code, message, ...(retryAfterSeconds !== undefined && { retryAfter: retryAfterSeconds }) };
}

/** Reaches the client as `connect_error` with `err.data`. */
export class HandshakeRefused extends Error {
  override readonly name = 'HandshakeRefused';
  readonly data: Refusal;

  constructor(error: unknown, language: Language) {
    const data = refusalOf(error, language);
    super(data.code, { cause: error });
    this.data = data;
  }
}
