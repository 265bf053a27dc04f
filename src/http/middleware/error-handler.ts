import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { AppError } from '../../domain/errors/app-error.ts';
import type { Logger } from '../../observability/logger.ts';
import { prepareErrorResponse } from './error-body.ts';
import type { Pages } from '../routes/pages.ts';
import { toAppError } from './refusals.ts';
import { getRequestId } from './request-id.ts';

export type ErrorHandlerDeps = Readonly<{ logger: Logger; pages: Pick<Pages, 'errorPage'> }>;

export const notFoundHandler: RequestHandler = () => {
  throw new AppError('NOT_FOUND');
};

/** Answers every error: a page to a browser that came to read one, else the JSON body of the contract. */
export function errorHandler({ logger, pages }: ErrorHandlerDeps): ErrorRequestHandler {
  return (thrown: unknown, request: Request, response: Response, next) => {
    const error = toAppError(thrown);
    logServerError(logger, error, response);
    if (response.headersSent) {
      next(error);
      return;
    }
    const body = prepareErrorResponse(error, request, response);
    response.setHeader('Cache-Control', 'no-store');
    response.vary('Accept-Language');
    if (prefersHtml(request)) response.type('html').send(pages.errorPage(body.code, body.requestId));
    else response.json(body);
  };
}

export function logServerError(
  logger: Logger,
  error: unknown,
  response: Parameters<typeof getRequestId>[0],
): void {
  const fields = { requestId: getRequestId(response), error };
  if (!(error instanceof AppError)) logger.error('request failed unexpectedly', fields);
  else if (error.httpStatus >= 500) logger.warn('request failed', fields);
}

function prefersHtml(request: Request): boolean {
  return request.method === 'GET' && request.accepts(['json', 'html']) === 'html';
}
