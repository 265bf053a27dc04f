import type { ServerResponse } from 'node:http';

/** Sends JSON on a bare `node:http` response, outside Express; the caller sets the status. */
export function sendJson(response: ServerResponse, json: string): void {
  response.setHeader('Content-Type', 'application/json; charset=utf-8');
  response.setHeader('Content-Length', Buffer.byteLength(json));
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.end(json);
}
