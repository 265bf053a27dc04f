import type { Language } from '../company/company.ts';
import { AppError, type ErrorCode } from './app-error.ts';

/** What an outsider is told of an error, over HTTP and over sockets alike. */
export type ErrorAnswer = Readonly<{
  code: ErrorCode;
  httpStatus: number;
  message: string;
  retryAfterSeconds: number | undefined;
}>;

/** An unknown error says nothing of itself. */
export function answerTo(error: unknown, language: Language): ErrorAnswer {
  const known = error instanceof AppError ? error : new AppError('INTERNAL_ERROR');
  return {
    code: known.code,
    httpStatus: known.httpStatus,
    message: known.text[language],
    retryAfterSeconds: known.retryAfterSeconds,
  };
}
