import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { AppError, type ErrorCode, toPublicError } from '../../domain/errors/app-error.ts';
import type { Logger } from '../../observability/logger.ts';
import { toAppError } from '../request-errors.ts';
import { requestLanguage } from '../request.ts';
import type { Pages } from '../routes/pages.ts';
import { getRequestId } from './request-id.ts';

export type ErrorHandlerDeps = Readonly<{ logger: Logger; pages: Pick<Pages, 'errorPage'> }>;

export const notFoundHandler: RequestHandler = () => {
  throw new AppError('NOT_FOUND');
};

/** Responds with the error page to a browser navigation, with the JSON error payload to everything else. */
export function errorHandler({ logger, pages }: ErrorHandlerDeps): ErrorRequestHandler {
  return (thrown: unknown, request: Request, response: Response, next) => {
    const error = toAppError(thrown);
    logServerError(logger, error, response);
    if (response.headersSent) {
      next(error);
      return;
    }
    const payload = prepareErrorResponse(error, request, response);
    response.setHeader('Cache-Control', 'no-store');
    response.vary('Accept-Language');
    if (prefersHtml(request)) {
      response.type('html').send(pages.errorPage(payload.code, payload.requestId));
    } else {
      response.json(payload);
    }
  };
}

function prefersHtml(request: Request): boolean {
  return request.method === 'GET' && request.accepts(['json', 'html']) === 'html';
}

/** Logs what the operator must see: unexpected errors and AppErrors with a 5xx status. */
export function logServerError(logger: Logger, error: unknown, response: ServerResponse): void {
  const fields = { requestId: getRequestId(response), error };
  if (!(error instanceof AppError)) logger.error('Request failed with an unexpected error', fields);
  else if (error.httpStatus >= 500) logger.warn('Request failed', fields);
}

/** The JSON body of every error response. */
export type ErrorPayload = Readonly<{
  success: false;
  error: string;
  code: ErrorCode;
  requestId: string;
  /** Seconds. */
  retryAfter?: number;
}>;

/** Sets the status and `Retry-After` of the response and returns its body. */
export function prepareErrorResponse(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
): ErrorPayload {
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
