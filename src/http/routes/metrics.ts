import type { IncomingMessage } from 'node:http';
import express, { type Router } from 'express';
import { safeEqual } from '../../crypto/hash.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import { isInternalRequest } from '../../lib/net/client-ip.ts';
import type { Metrics } from '../../observability/metrics.ts';

export type MetricsDeps = Readonly<{
  metrics: Pick<Metrics, 'registry'>;
  /** Undefined: `/metrics` responds only to this machine and private networks. */
  metricsToken: string | undefined;
}>;

export function metricsRoutes({ metrics, metricsToken }: MetricsDeps): Router {
  const router = express.Router();

  router.get('/metrics', async (request, response) => {
    requireMetricsAccess(request, metricsToken);
    const text = await metrics.registry.metrics();
    response.setHeader('Content-Type', metrics.registry.contentType);
    response.end(text);
  });
  return router;
}

function requireMetricsAccess(request: IncomingMessage, token: string | undefined): void {
  if (token === undefined) {
    if (!isInternalRequest(request)) throw new AppError('NOT_FOUND');
    return;
  }
  if (safeEqual(request.headers.authorization ?? '', `Bearer ${token}`)) return;
  throw new AppError('INVALID_TOKEN', {
    text: { ru: 'Нужен токен метрик.', en: 'The metrics token is required.' },
  });
}
