import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '../../domain/errors/app-error.ts';
import { toPublicError } from '../../domain/errors/error-answer.ts';
import { requestLanguage } from '../request.ts';
import { getRequestId } from './request-id.ts';

export type ErrorBody = Readonly<{
  success: false;
  error: string;
  code: ErrorCode;
  requestId: string;
  /** Seconds. */
  retryAfter?: number;
}>;

/** Sets the status and `Retry-After`, and returns the body that every refusal of this server has. */
export function prepareErrorResponse(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): ErrorBody {
  const publicError = toPublicError(error, requestLanguage(request));
  const retryAfter = publicError.retryAfterSeconds;
  response.statusCode = publicError.httpStatus;
  if (retryAfter !== undefined) response.setHeader('Retry-After', String(retryAfter));
  return {
    success: false,
    error: publicError.message,
    code: publicError.code,
    requestId: getRequestId(response),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}
