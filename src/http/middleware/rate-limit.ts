import type { RequestHandler } from 'express';
import { AppError } from '../../domain/errors/app-error.ts';
import { clientIp } from '../../lib/net/client-ip.ts';
import { type IpRateLimiter, MemoryIpRateLimiter } from '../../lib/net/ip-rate-limiter.ts';

/** Requests per IP and window; `failedWebhookAuth` counts refused requests only. */
const httpLimits = {
  /** Routes of the connect page; the limit slows down token guessing. */
  page: { points: 120, windowSeconds: 60 },
  registration: { points: 30, windowSeconds: 60 },
  /** Routes called by programs; one IP may act for many salons. */
  api: { points: 1200, windowSeconds: 60 },
  /** Webhooks with a wrong path. YCLIENTS sends the webhooks of all salons from a few IPs. */
  failedWebhookAuth: { points: 300, windowSeconds: 60 },
} as const;

export type HttpLimiters = Readonly<Record<keyof typeof httpLimits, IpRateLimiter>>;

/** Limiters that count in the memory of this process. */
export function createHttpLimiters(): HttpLimiters {
  return {
    page: new MemoryIpRateLimiter(httpLimits.page),
    registration: new MemoryIpRateLimiter(httpLimits.registration),
    api: new MemoryIpRateLimiter(httpLimits.api),
    failedWebhookAuth: new MemoryIpRateLimiter(httpLimits.failedWebhookAuth),
  };
}

/** Throws `RATE_LIMIT` with the seconds to wait once the client IP exceeds `limiter`. */
export function rateLimit(limiter: IpRateLimiter, trustProxy: number): RequestHandler {
  return async (request, _response, next) => {
    const retryAfterSeconds = await limiter.consume(clientIp(request, trustProxy));
    if (retryAfterSeconds !== undefined) throw new AppError('RATE_LIMIT', { retryAfterSeconds });
    next();
  };
}
