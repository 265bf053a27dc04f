import Joi from 'joi';
import { type CompanyId, companyIdFrom } from '../domain/ids.ts';
import type { Job, JobQueue } from '../marketplace/ports.ts';
import type { WebhookJobData } from './webhook-inbox.ts';

/** What the jobs call. */
export type JobHandlers = Readonly<{
  handleWebhook(
    companyId: CompanyId,
    webhook: Readonly<{ jobId: string; resource: string; resourceId: number; status: string; data: unknown }>,
  ): Promise<void>;
  sendCallbackToYClients(companyId: CompanyId): Promise<void>;
}>;

const webhookJob = Joi.object<WebhookJobData>({
  companyId: Joi.number().required(),
  resource: Joi.string().allow('').required(),
  resourceId: Joi.number().required(),
  status: Joi.string().allow('').required(),
  data: Joi.any(),
});

const activationJob = Joi.object<{ companyId: number }>({ companyId: Joi.number().required() });

/** Runs the queued jobs until the queue stops; a job that throws is tried again by the queue. */
export async function startWorkers(queue: JobQueue, handlers: JobHandlers): Promise<void> {
  await queue.work('webhooks', async (job) => {
    const { companyId, ...webhook } = dataOf(job, webhookJob);
    await handlers.handleWebhook(companyIdFrom(companyId), { jobId: job.id, ...webhook });
  });
  await queue.work('activation', async (job) => {
    const { companyId } = dataOf(job, activationJob);
    await handlers.sendCallbackToYClients(companyIdFrom(companyId));
  });
}

function dataOf<Data>(job: Job, schema: Joi.ObjectSchema<Data>): Data {
  const checked = schema.validate(job.data);
  if (checked.error !== undefined)
    throw new Error(`Job ${job.id} holds no such data`, { cause: checked.error });
  return checked.value;
}
