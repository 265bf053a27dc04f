import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

const header = 'x-request-id';
const requestIdPattern = /^[\w-]{8,64}$/;

/** Sets `X-Request-Id` on the response: the client's own if well-formed, otherwise a new UUID. */
export function assignRequestId(request: IncomingMessage, response: ServerResponse): void {
  const clientId = request.headers[header];
  response.setHeader(
    header,
    typeof clientId === 'string' && requestIdPattern.test(clientId) ? clientId : randomUUID(),
  );
}

export const requestId: RequestHandler = (request, response, next) => {
  assignRequestId(request, response);
  next();
};

export function getRequestId(response: ServerResponse): string {
  return String(response.getHeader(header) ?? '');
}
