import express, { type Router } from 'express';
import type { Restrictions } from '../../ports/restrictions.ts';
import type { AdminKey } from '../middleware/authenticate.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { Query } from '../request.ts';
import { toRestrictionResponse } from './status.ts';

export type RestrictionDeps = Readonly<{
  restrictions: Pick<Restrictions, 'latest'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

const maxRestrictions = 500;

/** The numbers that WhatsApp bars from starting new chats, for the holder of the admin key. */
export function restrictionRoutes({ restrictions, adminKey, limiters, trustProxy }: RestrictionDeps): Router {
  const router = express.Router();

  router.get(
    '/marketplace/restrictions',
    rateLimit(limiters.api, trustProxy),
    adminKey.guard,
    async (request, response) => {
      const active = await restrictions.latest(new Query(request).limit(maxRestrictions));
      response.json({
        success: true,
        restrictions: active.map((restriction) => ({
          company_id: restriction.companyId,
          ...toRestrictionResponse(restriction),
        })),
      });
    },
  );
  return router;
}
