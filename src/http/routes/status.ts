import express, { type Router } from 'express';
import { type CompanyId, companyIdFrom } from '../../domain/ids.ts';
import { type Restriction, restrictionText } from '../../domain/notification/restriction.ts';
import type { MarketplaceService } from '../../marketplace/marketplace-service.ts';
import type { Restrictions } from '../../ports/restrictions.ts';
import { type AdminKey, requireOwnerOrAdmin, type TokenValidator } from '../middleware/authenticate.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { requestLanguage } from '../request.ts';

export type StatusDeps = Readonly<{
  service: TokenValidator & Pick<MarketplaceService, 'getCompany' | 'sessionStatus'>;
  /** When this process last received an unsolicited stanza from WhatsApp for the company; undefined: never. */
  lastInboundAt: (companyId: CompanyId) => Date | undefined;
  restrictions: Pick<Restrictions, 'current'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'page'>;
  trustProxy: number;
  now: () => Date;
}>;

/** The connection state of a salon, for the holder of its connect token or of the admin key. */
export function statusRoutes(deps: StatusDeps): Router {
  const { service, lastInboundAt, restrictions, adminKey, limiters, trustProxy, now } = deps;
  const router = express.Router();

  router.get(
    '/marketplace/status/:companyId',
    rateLimit(limiters.page, trustProxy),
    async (request, response) => {
      const companyId = companyIdFrom(request.params.companyId);
      await requireOwnerOrAdmin(request, companyId, { service, adminKey });
      const company = await service.getCompany(companyId);
      const session = await service.sessionStatus(companyId);
      const restriction = await restrictions.current(companyId);
      response.json({
        success: true,
        company_id: company.id,
        salon_id: company.salonId,
        title: company.title,
        whatsapp_connected: session.state === 'connected',
        whatsapp_phone: session.phone ?? company.whatsappPhone ?? null,
        integration_status: company.integrationStatus,
        session_state: session.state,
        session_state_since: session.since.toISOString(),
        session_cause: session.detail ?? null,
        connected_at: company.connectedAt?.toISOString() ?? null,
        last_inbound_at: lastInboundAt(company.id)?.toISOString() ?? null,
        restriction: restriction
          ? {
              ...toRestrictionResponse(restriction),
              message: restrictionText(restriction, {
                timeZone: company.timeZone,
                language: requestLanguage(request),
                now: now(),
              }),
            }
          : null,
      });
    },
  );
  return router;
}

/** `since` and `until` are UTC. */
export function toRestrictionResponse({
  beganAt,
  endsAt,
  kind,
  source,
}: Restriction): Record<string, unknown> {
  return { since: beganAt.toISOString(), until: endsAt.toISOString(), kind: kind ?? null, source };
}
