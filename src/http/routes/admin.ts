import express, { type Router } from 'express';
import Joi from 'joi';
import { AppError } from '../../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom } from '../../domain/ids.ts';
import { type QueueName, queueNames } from '../../domain/queue-names.ts';
import type { Reconciliation } from '../../marketplace/bookings/reconciliation.ts';
import type { MarketplaceService } from '../../marketplace/marketplace-service.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { AdminKey } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { parseWith, validate } from '../middleware/validate.ts';
import { pathParameter, Query } from '../request.ts';

export type AdminDeps = Readonly<{
  service: Pick<MarketplaceService, 'getCompany'>;
  queue: Pick<JobQueue, 'deadLetters' | 'replay'>;
  reconciliation: Pick<Reconciliation, 'request' | 'requestAll'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'api'>;
  trustProxy: number;
}>;

const maxDeadLetters = 500;
const defaultDeadLetters = 50;

const reconciliationSchema = Joi.object<Readonly<{ company_id?: CompanyId }>>({
  company_id: parseWith((value) => companyIdFrom(value, 'company_id')),
});

/** Dead letters and reconciliation, for the holder of the admin key. */
export function adminRoutes(deps: AdminDeps): Router {
  const { service, queue, reconciliation, adminKey, limiters, trustProxy } = deps;
  const router = express.Router();
  const limited = rateLimit(limiters.api, trustProxy);

  router.get('/marketplace/dead-letters', limited, adminKey.guard, async (request, response) => {
    const query = new Query(request);
    const name = parseQueueName(query.get('queue') ?? 'webhooks');
    const deadLetters = await queue.deadLetters(name, query.limit(maxDeadLetters, defaultDeadLetters));
    response.json({
      success: true,
      dead_letters: deadLetters.map(({ id, key, reason, attempts, deadLetteredAt }) => ({
        id,
        queue: name,
        // The rest of the key contains the client's phone number.
        key: name === 'answers' ? key.replace(/:.*/, '') : key,
        reason,
        attempts,
        buried_at: deadLetteredAt.toISOString(),
      })),
    });
  });

  router.post(
    '/marketplace/dead-letters/:queue/:id/replay',
    limited,
    adminKey.guard,
    async (request, response) => {
      const name = parseQueueName(pathParameter(request, 'queue'));
      if (!(await queue.replay(name, pathParameter(request, 'id')))) throw deadLetterNotFoundError();
      response.status(202).json({ success: true });
    },
  );

  router.post(
    '/marketplace/reconciliation',
    limited,
    adminKey.guard,
    jsonBody(),
    validate(reconciliationSchema),
    async (request, response) => {
      const { company_id: companyId } = request.body;
      if (companyId === undefined) await reconciliation.requestAll('operator');
      else await reconciliation.request((await service.getCompany(companyId)).id, 'operator');
      response.status(202).json({ success: true });
    },
  );
  return router;
}

function parseQueueName(name: string): QueueName {
  const queue = queueNames.find((known) => known === name);
  if (queue !== undefined) return queue;
  throw new AppError('VALIDATION_ERROR', {
    text: {
      ru: `Очередь должна быть одной из: ${queueNames.join(', ')}.`,
      en: `The queue must be one of: ${queueNames.join(', ')}.`,
    },
  });
}

function deadLetterNotFoundError(): AppError {
  return new AppError('NOT_FOUND', {
    text: { ru: 'Такого невыполненного задания нет.', en: 'Dead letter not found.' },
  });
}
