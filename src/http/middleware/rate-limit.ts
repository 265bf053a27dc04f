import type { RequestHandler } from 'express';
import { AppError } from '../../domain/errors/app-error.ts';
import { type IpRateLimiter, MemoryIpRateLimiter } from '../../lib/net/ip-rate-limiter.ts';
import { clientIp } from '../../lib/net/client-ip.ts';

/** Requests of one address in a window, in `strayWebhook` only those that were refused. */
const httpLimits = {
  /** Routes of the connect page: they carry a token that could be guessed at. */
  page: { points: 120, windowSeconds: 60 },
  registration: { points: 30, windowSeconds: 60 },
  /** Routes of machines, which may speak for many salons from one address. */
  machine: { points: 1200, windowSeconds: 60 },
  /** Webhooks that no company of ours could have sent. The platform speaks for every salon from a few addresses. */
  strayWebhook: { points: 300, windowSeconds: 60 },
} as const;

export type HttpLimiters = Readonly<Record<keyof typeof httpLimits, IpRateLimiter>>;

/** Limiters that count in this process. */
export function createHttpLimiters(): HttpLimiters {
  return {
    page: new MemoryIpRateLimiter(httpLimits.page),
    registration: new MemoryIpRateLimiter(httpLimits.registration),
    machine: new MemoryIpRateLimiter(httpLimits.machine),
    strayWebhook: new MemoryIpRateLimiter(httpLimits.strayWebhook),
  };
}

/** Refuses an address that asks too often with `RATE_LIMIT` and the seconds to wait. */
export function rateLimit(limiter: IpRateLimiter, trustProxy: number): RequestHandler {
  return async (request, _response, next) => {
    const retryAfterSeconds = await limiter.consume(clientIp(request, trustProxy));
    if (retryAfterSeconds !== undefined) throw new AppError('RATE_LIMIT', { retryAfterSeconds });
    next();
  };
}
