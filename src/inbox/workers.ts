import Joi from 'joi';
import { AppError } from '../domain/errors.ts';
import { type CompanyId, companyIdFrom, parsePositiveInteger } from '../domain/ids.ts';
import type { BuriedHandler, Events, Job, JobQueue } from '../marketplace/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { WebhookJobData } from './webhook-inbox.ts';

export type WorkerDependencies = Readonly<{
  queue: JobQueue;
  events: Events;
  report: BusinessEvents;
  handleWebhook(
    companyId: CompanyId,
    webhook: Readonly<{ jobId: string; resource: string; resourceId: number; status: string; data: unknown }>,
  ): Promise<void>;
  activate(companyId: CompanyId): Promise<void>;
  disconnect(companyId: CompanyId): Promise<void>;
}>;

const webhookJob = Joi.object<WebhookJobData>({
  companyId: Joi.number().required(),
  resource: Joi.string().allow('').required(),
  resourceId: Joi.number().required(),
  status: Joi.string().allow('').required(),
  data: Joi.any(),
});

const companyJob = Joi.object<{ companyId: number }>({ companyId: Joi.number().required() });

/** Runs the queued jobs until the queue stops; a job that throws is tried again by the queue. */
export async function startWorkers(deps: WorkerDependencies): Promise<void> {
  const { queue } = deps;
  const ofCompany =
    (run: (companyId: CompanyId) => Promise<void>) =>
    (job: Job): Promise<void> =>
      run(companyIdFrom(dataOf(job, companyJob).companyId));

  await queue.work(
    'webhooks',
    async (job) => {
      const { companyId, ...webhook } = dataOf(job, webhookJob);
      await deps.handleWebhook(companyIdFrom(companyId), { jobId: job.id, ...webhook });
    },
    buriedAs('webhook', deps),
  );
  await queue.work('activation', ofCompany(deps.activate), buriedAs('activation', deps));
  await queue.work('disconnection', ofCompany(deps.disconnect), buriedAs('disconnection', deps));
}

/** Leaves a trace where people look for what happened to their salon. */
function buriedAs(
  kind: 'webhook' | 'activation' | 'disconnection',
  { events, report }: Pick<WorkerDependencies, 'events' | 'report'>,
): BuriedHandler {
  return async (job, error) => {
    const companyId = companyOf(job);
    report.jobBuried(kind, companyId, job.id, error);
    if (companyId === undefined) return;
    await events.record({
      companyId,
      type: `${kind}_buried`,
      cause: `${kind}:${job.id}`,
      detail: { attempts: job.attempt, reason: reasonOf(error) },
    });
  };
}

function dataOf<Data>(job: Job, schema: Joi.ObjectSchema<Data>): Data {
  const checked = schema.validate(job.data);
  if (checked.error !== undefined)
    throw new Error(`Job ${job.id} holds no such data`, { cause: checked.error });
  return checked.value;
}

function companyOf({ data }: Job): CompanyId | undefined {
  const id = typeof data === 'object' && data !== null && 'companyId' in data ? data.companyId : undefined;
  return parsePositiveInteger(id) === undefined ? undefined : companyIdFrom(id);
}

/** A word, never a message: that may quote what it is about. */
function reasonOf(error: unknown): string {
  if (error instanceof AppError) return error.code;
  return error instanceof Error ? error.name : 'unknown';
}
