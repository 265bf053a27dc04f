import express, { type Router } from 'express';
import Joi from 'joi';
import type { Company } from '../../domain/company/company.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom } from '../../domain/ids.ts';
import type { JobQueue, QueueName } from '../../ports/ports.ts';
import type { Reconciliation } from '../../marketplace/bookings/reconciliation.ts';
import type { AdminKey } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { pathParameter } from '../path-parameter.ts';
import { Query } from '../query.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { parsedBy, validate } from '../middleware/validate.ts';

export type MaintenanceDeps = Readonly<{
  service: Readonly<{
    /** @throws AppError `COMPANY_NOT_FOUND` */
    getCompany(companyId: CompanyId): Promise<Company>;
  }>;
  queue: Pick<JobQueue, 'deadLetters' | 'replay'>;
  reconciliation: Pick<Reconciliation, 'request' | 'requestAll'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'machine'>;
  trustProxy: number;
}>;

const queues = [
  'webhooks',
  'activation',
  'disconnection',
  'answers',
  'replanning',
  'forwarding',
  'reconciliation',
] as const satisfies readonly QueueName[];

const mostLetters = 500;
const usualLetters = 50;

const reconciliationBody = Joi.object<Readonly<{ company_id?: CompanyId }>>({
  company_id: parsedBy((value) => companyIdFrom(value, 'company_id')),
});

/** What the operator may set going, by the machine key. */
export function maintenanceRoutes(deps: MaintenanceDeps): Router {
  const { service, queue, reconciliation, adminKey, limiters, trustProxy } = deps;
  const router = express.Router();
  const limited = rateLimit(limiters.machine, trustProxy);

  router.get('/marketplace/dead-letters', limited, adminKey.guard, async (request, response) => {
    const query = new Query(request);
    const name = queueFrom(query.one('queue') ?? 'webhooks');
    const letters = await queue.deadLetters(name, query.limit(mostLetters, usualLetters));
    response.json({
      success: true,
      dead_letters: letters.map(({ id, key, reason, attempts, buriedAt }) => ({
        id,
        queue: name,
        key: name === 'answers' ? key.replace(/:.*/, '') : key,
        reason,
        attempts,
        buried_at: buriedAt.toISOString(),
      })),
    });
  });

  router.post(
    '/marketplace/dead-letters/:queue/:id/replay',
    limited,
    adminKey.guard,
    async (request, response) => {
      const name = queueFrom(pathParameter(request, 'queue'));
      if (!(await queue.replay(name, pathParameter(request, 'id')))) throw letterNotFound();
      response.status(202).json({ success: true });
    },
  );

  router.post(
    '/marketplace/reconciliation',
    limited,
    adminKey.guard,
    jsonBody(),
    validate(reconciliationBody),
    async (request, response) => {
      const { company_id: companyId } = request.body;
      if (companyId === undefined) await reconciliation.requestAll('operator');
      else await reconciliation.request((await service.getCompany(companyId)).id, 'operator');
      response.status(202).json({ success: true });
    },
  );
  return router;
}

function queueFrom(name: string): QueueName {
  const found = queues.find((queue) => queue === name);
  if (found !== undefined) return found;
  throw new AppError('VALIDATION_ERROR', {
    text: {
      ru: `Очередь должна быть одной из: ${queues.join(', ')}.`,
      en: `The queue must be one of: ${queues.join(', ')}.`,
    },
  });
}

function letterNotFound(): AppError {
  return new AppError('NOT_FOUND', {
    text: { ru: 'Такого задания среди отложенных нет.', en: 'There is no such dead letter.' },
  });
}
