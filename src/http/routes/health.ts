import express, { type Router } from 'express';
import { isInternalRequest } from '../../lib/net/client-ip.ts';
import type { Health, Readiness } from '../../observability/health.ts';

export type HealthDeps = Readonly<{
  health: Pick<Health, 'live' | 'ready'>;
}>;

export function healthRoutes({ health }: HealthDeps): Router {
  const router = express.Router();

  router.get('/health/live', (_request, response) => {
    response.json(health.live());
  });

  router.get('/health/ready', async (request, response) => {
    const { ready, status, dependencies } = await health.ready();
    response.status(ready ? 200 : 503).json({
      status,
      dependencies: isInternalRequest(request) ? dependencies : withoutDetails(dependencies),
    });
  });
  return router;
}

/** Details may name internal hosts, so external clients receive the status only. */
function withoutDetails(dependencies: Readiness['dependencies']): Record<string, { status: string }> {
  return Object.fromEntries(Object.entries(dependencies).map(([name, { status }]) => [name, { status }]));
}
