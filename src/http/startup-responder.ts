import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../domain/errors/app-error.ts';
import { prepareErrorAnswer } from './middleware/error-body.ts';
import { nameRequest } from './middleware/request-id.ts';
import { sendJson } from './send-json.ts';

const retryAfterSeconds = 2;

/** While the service starts, the process is alive and everything else has to come back. */
export function answerStarting(request: IncomingMessage, response: ServerResponse): void {
  nameRequest(request, response);
  // What is not read of a body would be taken for the next request.
  if (request.method !== 'GET' && request.method !== 'HEAD') response.setHeader('Connection', 'close');
  const isLive = /^\/health\/live\/?(?:\?|$)/.test(request.url ?? '');
  sendJson(
    response,
    JSON.stringify(isLive ? { status: 'ok' } : prepareErrorAnswer(starting(), request, response)),
  );
}

function starting(): AppError {
  return new AppError('DB_ERROR', {
    retryAfterSeconds,
    text: { ru: 'Сервис запускается.', en: 'The service is starting.' },
  });
}
