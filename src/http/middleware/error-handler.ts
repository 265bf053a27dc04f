import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import { AppError } from '../../domain/errors/app-error.ts';
import type { Logger } from '../../observability/logger.ts';
import { prepareErrorAnswer } from './error-body.ts';
import type { Pages } from '../routes/pages.ts';
import { toAppError } from './refusals.ts';
import { requestIdOf } from './request-id.ts';

export type ErrorHandlerDeps = Readonly<{ logger: Logger; pages: Pick<Pages, 'errorPage'> }>;

export const unknownRoute: RequestHandler = () => {
  throw new AppError('NOT_FOUND');
};

/** Answers every error: a page to a browser that came to read one, else the JSON body of the contract. */
export function errorHandler({ logger, pages }: ErrorHandlerDeps): ErrorRequestHandler {
  return (thrown: unknown, request: Request, response: Response, next) => {
    const error = toAppError(thrown);
    reportServerFault(logger, error, response);
    if (response.headersSent) {
      next(error);
      return;
    }
    const body = prepareErrorAnswer(error, request, response);
    response.setHeader('Cache-Control', 'no-store');
    response.vary('Accept-Language');
    if (wantsPage(request)) response.type('html').send(pages.errorPage(body.code, body.requestId));
    else response.json(body);
  };
}

export function reportServerFault(
  logger: Logger,
  error: unknown,
  response: Parameters<typeof requestIdOf>[0],
): void {
  const fields = { requestId: requestIdOf(response), error };
  if (!(error instanceof AppError)) logger.error('request failed unexpectedly', fields);
  else if (error.httpStatus >= 500) logger.warn('request failed', fields);
}

function wantsPage(request: Request): boolean {
  return request.method === 'GET' && request.accepts(['json', 'html']) === 'html';
}
