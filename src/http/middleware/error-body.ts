import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorCode } from '../../domain/errors/app-error.ts';
import { answerTo } from '../../domain/errors/error-answer.ts';
import { languageOf } from '../request.ts';
import { requestIdOf } from './request-id.ts';

export type ErrorBody = Readonly<{
  success: false;
  error: string;
  code: ErrorCode;
  requestId: string;
  /** Seconds. */
  retryAfter?: number;
}>;

/** Sets the status and `Retry-After`, and returns the body that every refusal of this server has. */
export function prepareErrorAnswer(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): ErrorBody {
  const answer = answerTo(error, languageOf(request));
  const retryAfter = answer.retryAfterSeconds;
  response.statusCode = answer.httpStatus;
  if (retryAfter !== undefined) response.setHeader('Retry-After', String(retryAfter));
  return {
    success: false,
    error: answer.message,
    code: answer.code,
    requestId: requestIdOf(response),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}
