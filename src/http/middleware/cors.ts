import cors from 'cors';
import type { RequestHandler } from 'express';

const hourSeconds = 60 * 60;

/** Sends CORS headers to `allowedOrigins` only. */
export function corsMiddleware(allowedOrigins: readonly string[]): RequestHandler {
  return cors({
    origin: [...allowedOrigins],
    methods: ['GET', 'POST'],
    allowedHeaders: ['Authorization', 'Content-Type', 'X-API-Key', 'Idempotency-Key', 'X-Request-Id'],
    exposedHeaders: ['Retry-After', 'X-Request-Id'],
    maxAge: hourSeconds,
  });
}
