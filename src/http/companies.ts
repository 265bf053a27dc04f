import express, { type Router } from 'express';
import type { ConnectionStats } from '../marketplace/ports.ts';
import type { AdminKey } from './authenticate.ts';
import { type HttpLimiters, rateLimit } from './rate-limit.ts';

export type CompaniesDeps = Readonly<{
  service: Readonly<{ getConnectionStats(): Promise<ConnectionStats> }>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'machine'>;
  trustProxy: number;
}>;

export function companiesRoutes({ service, adminKey, limiters, trustProxy }: CompaniesDeps): Router {
  const router = express.Router();

  router.get('/marketplace/companies', rateLimit(limiters.machine, trustProxy), async (request, response) => {
    adminKey.require(request);
    const stats = await service.getConnectionStats();
    response.json({
      success: true,
      stats: {
        total: stats.total,
        connected: stats.connected,
        pending: stats.pending,
        disconnected: stats.disconnected,
        by_status: stats.byStatus,
        last_24h: {
          new_connections: stats.last24h.newConnections,
          disconnections: stats.last24h.disconnections,
        },
      },
    });
  });
  return router;
}
