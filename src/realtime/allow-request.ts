import type { IncomingMessage } from 'node:http';
import type { ServerOptions } from 'socket.io';
import type { IpRateLimiter } from '../lib/net/ip-rate-limiter.ts';
import { clientIp } from '../lib/net/client-ip.ts';
import { catchAsync } from '../lib/async/catch-async.ts';
import type { Logger } from '../observability/logger.ts';

export type AllowRequestDeps = Readonly<{
  allowedOrigins: readonly string[];
  /** Exact number of proxies in front. */
  trustProxy: number;
  /** Transports that one address may open, whether or not they ever authenticate. */
  transportLimiter: IpRateLimiter;
  logger: Logger;
}>;

/**
 * Decides on the handshake of a transport, polling and websocket alike: CORS alone would let any page open a websocket.
 */
export function createAllowRequest(deps: AllowRequestDeps): NonNullable<ServerOptions['allowRequest']> {
  const origins = new Set(deps.allowedOrigins.map((origin) => origin.toLowerCase()));
  return (request, decide) => {
    const onError = (error: unknown): void => {
      deps.logger.error('Socket handshake failed', { error });
      decide('Internal error', false);
    };
    catchAsync(onError, async () => {
      const address = clientIp(request, deps.trustProxy);
      if (!hasAllowedOrigin(request, origins)) {
        deps.logger.warn('Socket connection refused: origin not allowed', { address });
        decide('Origin not allowed', false);
        return;
      }
      const waitSeconds = await deps.transportLimiter.consume(address);
      decide(waitSeconds === undefined ? null : 'Too many connections', waitSeconds === undefined);
    })();
  };
}

/**
 * A browser names the page's origin, but for a GET to the page's own server, which is how polling starts: there it says
 * `Sec-Fetch-Site: same-origin`. No page can set either header, and a program that sends neither lends nobody's rights.
 */
function hasAllowedOrigin({ headers }: IncomingMessage, origins: ReadonlySet<string>): boolean {
  if (headers.origin !== undefined) return origins.has(headers.origin.toLowerCase());
  const isBrowser = Object.keys(headers).some((name) => name.startsWith('sec-fetch-'));
  return !isBrowser || (headers.upgrade === undefined && headers['sec-fetch-site'] === 'same-origin');
}
