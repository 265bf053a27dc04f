import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import {
  AppError,
  type ErrorCode,
  toPublicError,
  type BilingualText,
} from '../../domain/errors/app-error.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Pages } from '../routes/pages.ts';
import { getRequestId } from './request-id.ts';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { requestLanguage } from '../request.ts';
import { type RequestBodyErrorReason, RequestBodyError } from '../../lib/net/read-body.ts';
import { type StrictJsonErrorReason, StrictJsonError } from '../../lib/net/strict-json.ts';

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
  if (!(error instanceof AppError)) logger.error('Request failed with an unexpected error', fields);
  else if (error.httpStatus >= 500) logger.warn('Request failed', fields);
}

function prefersHtml(request: Request): boolean {
  return request.method === 'GET' && request.accepts(['json', 'html']) === 'html';
}

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

export const tooLarge = requestError(413, 'Запрос слишком большой.', 'The request is too large.');

export const unsupportedType = requestError(
  415,
  'Нужен JSON в кодировке UTF-8.',
  'The body must be JSON in UTF-8.',
);

export const unsupportedEncoding = requestError(
  415,
  'Такое сжатие не поддерживается, только gzip.',
  'Unsupported content encoding; only gzip is supported.',
);

export const malformedRequest = requestError(
  400,
  'Запрос не удалось прочитать.',
  'The request is malformed.',
);

const bodyErrors: Record<RequestBodyErrorReason, RequestErrorFactory> = {
  too_large: tooLarge,
  encoding: unsupportedEncoding,
  corrupt: malformedRequest,
  aborted: malformedRequest,
};

const jsonErrors: Record<StrictJsonErrorReason, RequestErrorFactory> = {
  depth: requestError(400, 'Слишком глубокая вложенность JSON.', 'The JSON is nested too deeply.'),
  syntax: requestError(400, 'Это не JSON.', 'The body is not valid JSON.'),
  key: requestError(400, 'Недопустимое имя поля в JSON.', 'The JSON has a field name that is not allowed.'),
};

/** Turns what the readers of bodies, Express and its helpers throw into the errors of the contract. */
export function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  if (error instanceof RequestBodyError) return bodyErrors[error.reason](error);
  if (error instanceof StrictJsonError) return jsonErrors[error.reason](error);
  const status = clientErrorStatus(error);
  if (status === undefined) return error;
  if (status === 404) return new AppError('NOT_FOUND', { cause: error });
  if (status === 413) return tooLarge(error);
  return malformedRequest(error);
}

type RequestErrorFactory = (cause?: unknown) => AppError;

function requestError(httpStatus: number, ru: string, en: string): RequestErrorFactory {
  const text: BilingualText = { ru, en };
  return (cause) => new AppError('VALIDATION_ERROR', { httpStatus, text, cause });
}

/** Express, send and the URI decoder put the status of a client's fault on `status`. */
function clientErrorStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('status' in error) || typeof error.status !== 'number') return undefined;
  return error.status >= 400 && error.status < 500 ? error.status : undefined;
}
