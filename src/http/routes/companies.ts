import express, { type Router } from 'express';
import type { MarketplaceService } from '../../marketplace/marketplace-service.ts';
import type { AdminKey } from '../middleware/authenticate.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { Query } from '../request.ts';

export type CompaniesDeps = Readonly<{
  service: Pick<MarketplaceService, 'getConnectionStats' | 'companiesWithoutWhatsApp'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

/** A longer list points to one common cause, which the statistics show. */
const maxCompanies = 100;

/** Connection statistics and the salons without WhatsApp, for the holder of the admin key. */
export function companiesRoutes({ service, adminKey, limiters, trustProxy }: CompaniesDeps): Router {
  const router = express.Router();

  router.get(
    '/marketplace/companies',
    rateLimit(limiters.api, trustProxy),
    adminKey.guard,
    async (request, response) => {
      const limit = new Query(request).limit(maxCompanies);
      const [stats, withoutWhatsApp] = await Promise.all([
        service.getConnectionStats(),
        service.companiesWithoutWhatsApp(limit),
      ]);
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
        without_whatsapp: withoutWhatsApp.map((company) => ({
          company_id: company.id,
          salon_id: company.salonId,
          title: company.title,
          integration_status: company.integrationStatus,
          session_state: company.sessionState,
          session_state_since: company.sessionStateSince.toISOString(),
          session_cause: company.sessionCause ?? null,
        })),
      });
    },
  );
  return router;
}
