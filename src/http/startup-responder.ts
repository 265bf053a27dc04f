import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../domain/errors/app-error.ts';
import { assignRequestId } from './middleware/request-id.ts';
import { prepareErrorResponse } from './middleware/error-handler.ts';

const retryAfterSeconds = 2;

/** While the service starts, the process is alive and everything else has to come back. */
export function respondStarting(request: IncomingMessage, response: ServerResponse): void {
  assignRequestId(request, response);
  // What is not read of a body would be taken for the next request.
  if (request.method !== 'GET' && request.method !== 'HEAD') response.setHeader('Connection', 'close');
  const isLivenessCheck = /^\/health\/live\/?(?:\?|$)/.test(request.url ?? '');
  sendJson(
    response,
    JSON.stringify(
      isLivenessCheck ? { status: 'ok' } : prepareErrorResponse(startingError(), request, response),
    ),
  );
}

function startingError(): AppError {
  return new AppError('DB_ERROR', {
    retryAfterSeconds,
    text: { ru: 'Сервис запускается.', en: 'The service is starting.' },
  });
}

/** Answers with JSON on bare node:http; the status is already set. */
export function sendJson(response: ServerResponse, json: string): void {
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(json));
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(json);
}
