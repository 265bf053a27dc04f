import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';

const header = 'x-request-id';
const requestIdPattern = /^[\w-]{8,64}$/;

/** Names the request: by the caller's own `X-Request-Id` when it is sane, else by a new UUID. The answer carries it. */
export function assignRequestId(request: IncomingMessage, response: ServerResponse): void {
  const offered = request.headers[header];
  response.setHeader(
    header,
    typeof offered === 'string' && requestIdPattern.test(offered) ? offered : randomUUID(),
  );
}

export const requestId: RequestHandler = (request, response, next) => {
  assignRequestId(request, response);
  next();
};

export function getRequestId(response: ServerResponse): string {
  return String(response.getHeader(header) ?? '');
}
