import express, { type Router } from 'express';
import type { Restrictions } from '../../ports/message-ports.ts';
import type { AdminKey } from '../middleware/authenticate.ts';
import { Query } from '../query.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { restrictionView } from './status.ts';

export type RestrictionDeps = Readonly<{
  restrictions: Pick<Restrictions, 'latest'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'machine'>;
  trustProxy: number;
}>;

const mostShown = 500;

/** Which numbers WhatsApp lets start no new chats, for the operator. */
export function restrictionRoutes({ restrictions, adminKey, limiters, trustProxy }: RestrictionDeps): Router {
  const router = express.Router();

  router.get(
    '/marketplace/restrictions',
    rateLimit(limiters.machine, trustProxy),
    adminKey.guard,
    async (request, response) => {
      const lasting = await restrictions.latest(new Query(request).limit(mostShown));
      response.json({
        success: true,
        restrictions: lasting.map((one) => ({ company_id: one.companyId, ...restrictionView(one) })),
      });
    },
  );
  return router;
}
