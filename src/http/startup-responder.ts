import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../domain/errors/app-error.ts';
import { prepareErrorResponse } from './middleware/error-handler.ts';
import { assignRequestId } from './middleware/request-id.ts';
import { sendJson } from './send-json.ts';

const retryAfterSeconds = 2;

/** Until the service has started: liveness is 200, any other request is 503 with `Retry-After`. */
export function respondStarting(request: IncomingMessage, response: ServerResponse): void {
  assignRequestId(request, response);
  // The body stays unread, and a kept-alive connection would parse it as the next request.
  if (request.method !== 'GET' && request.method !== 'HEAD') response.setHeader('Connection', 'close');
  const isLivenessCheck = /^\/health\/live\/?(?:\?|$)/.test(request.url ?? '');
  const body = isLivenessCheck ? { status: 'ok' } : prepareErrorResponse(startingError(), request, response);
  sendJson(response, JSON.stringify(body));
}

function startingError(): AppError {
  return new AppError('DB_ERROR', {
    retryAfterSeconds,
    text: { ru: 'Сервис запускается.', en: 'The service is starting.' },
  });
}
