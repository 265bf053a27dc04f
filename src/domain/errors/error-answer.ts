import type { Language } from '../company/company.ts';
import { AppError, type ErrorCode } from './app-error.ts';

/** What an outsider is told of an error, over HTTP and over sockets alike. */
export type PublicError = Readonly<{
  code: ErrorCode;
  httpStatus: number;
  message: string;
  retryAfterSeconds: number | undefined;
}>;

/** An unknown error says nothing of itself. */
export function toPublicError(error: unknown, language: Language): PublicError {
  const appError = error instanceof AppError ? error : new AppError('INTERNAL_ERROR');
  return {
    code: appError.code,
    httpStatus: appError.httpStatus,
    message: appError.text[language],
    retryAfterSeconds: appError.retryAfterSeconds,
  };
}
