import type { IncomingMessage } from 'node:http';
import type { ServerOptions } from 'socket.io';
import { catchAsync } from '../lib/async/catch-async.ts';
import { clientIp } from '../lib/net/client-ip.ts';
import type { IpRateLimiter } from '../lib/net/ip-rate-limiter.ts';
import type { Logger } from '../observability/logger.ts';
import type { TransportGuard } from './transport-guard.ts';

export type AllowRequestDeps = Readonly<{
  allowedOrigins: readonly string[];
  /** Exact number of proxies in front. */
  trustProxy: number;
  /** Transports per client IP, counted before authentication. */
  transportLimiter: IpRateLimiter;
  openTransports: Pick<TransportGuard, 'hasRoom'>;
  logger: Logger;
}>;

/** Checks the origin and the limits per address of every transport handshake. CORS does not cover websockets. */
export function createAllowRequest(deps: AllowRequestDeps): NonNullable<ServerOptions['allowRequest']> {
  const origins = new Set(deps.allowedOrigins.map((origin) => origin.toLowerCase()));
  return (request, callback) => {
    const onError = (error: unknown): void => {
      deps.logger.error('Socket handshake failed', { error });
      callback('Internal error', false);
    };
    catchAsync(onError, async () => {
      const address = clientIp(request, deps.trustProxy);
      if (!hasAllowedOrigin(request, origins)) {
        deps.logger.warn('Socket connection refused: origin not allowed', { address });
        callback('Origin not allowed', false);
        return;
      }
      const isAllowed =
        deps.openTransports.hasRoom(address) && (await deps.transportLimiter.consume(address)) === undefined;
      callback(isAllowed ? null : 'Too many connections', isAllowed);
    })();
  };
}

/**
 * Browsers send `Origin` except for same-origin GETs, with which polling starts; those carry `Sec-Fetch-Site: same-origin`.
 * Pages cannot forge either header; clients without both are not browsers and hold no ambient credentials.
 */
function hasAllowedOrigin({ headers }: IncomingMessage, origins: ReadonlySet<string>): boolean {
  if (headers.origin !== undefined) return origins.has(headers.origin.toLowerCase());
  const isBrowser = Object.keys(headers).some((name) => name.startsWith('sec-fetch-'));
  return !isBrowser || (headers.upgrade === undefined && headers['sec-fetch-site'] === 'same-origin');
}
