import type { IncomingMessage, ServerResponse } from 'node:http';
import type { RequestHandler } from 'express';
import { clientIp } from '../../lib/net/client-ip.ts';
import { isUuid } from '../../lib/uuid.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Metrics } from '../../observability/metrics.ts';
import { getRequestId } from './request-id.ts';

export type AccessLogDeps = Readonly<{
  logger: Logger;
  metrics: Pick<Metrics, 'httpRequestDuration'>;
  /** Exact number of proxies in front. */
  trustProxy: number;
}>;

const quietRoutes = /^\/(?:health|metrics|marketplace\/assets)/;

/** Records the duration and one log line once the response is sent or the client has disconnected. */
export function recordAccess(
  deps: AccessLogDeps,
  request: IncomingMessage,
  response: ServerResponse,
  routeTemplate: () => string,
  options: Readonly<{
    /** The handler logs successful requests itself, so a 200 is logged at debug level. */
    isLoggedElsewhere?: boolean;
  }> = {},
): void {
  const startedMs = performance.now();
  const method = request.method ?? '';
  const path = maskPath(request.url ?? '');
  const address = clientIp(request, deps.trustProxy);
  response.once('close', () => {
    const durationMs = performance.now() - startedMs;
    const route = routeTemplate();
    // 499 as in nginx: the client disconnected before the response.
    const status = response.writableFinished ? response.statusCode : 499;
    deps.metrics.httpRequestDuration.observe({ method, route, status }, durationMs / 1000);
    const isQuiet = quietRoutes.test(route) || (options.isLoggedElsewhere === true && status === 200);
    deps.logger[isQuiet ? 'debug' : 'info']('HTTP request completed', {
      method,
      route,
      path,
      status,
      durationMs: Math.round(durationMs * 10) / 10,
      address,
      requestId: getRequestId(response),
    });
  });
}

export function accessLog(deps: AccessLogDeps): RequestHandler {
  return (request, response, next) => {
    recordAccess(deps, request, response, () => matchedRouteTemplate(request.route));
    next();
  };
}

/** The path pattern that Express matched; routes are declared with their full path so that it is complete. */
function matchedRouteTemplate(route: unknown): string {
  const path = typeof route === 'object' && route !== null && 'path' in route ? route.path : undefined;
  return typeof path === 'string' ? path : 'other';
}

const maxPathLength = 200;
const maxSegmentLength = 24;

/**
 * The path for the access log, without query, connect token and webhook secret. Long segments are masked too, because a
 * secret may stand in the wrong place.
 */
export function maskPath(url: string): string {
  const path = (url.split(/[?#]/, 1)[0] ?? '').slice(0, maxPathLength);
  return path
    .replace(/(\/qr\/)[^/]+/gi, '$1***')
    .replace(/(\/webhook\/[^/]+\/).+/gi, '$1***')
    .split('/')
    .map((segment) => (segment.length > maxSegmentLength && !isUuid(segment) ? '***' : segment))
    .join('/');
}
