import Joi from 'joi';
import { clientAnswers } from '../domain/notification/client-reply.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom, parsePositiveInteger } from '../domain/ids.ts';
import { PostponedError } from '../domain/errors/job-errors.ts';
import { UnprocessableError } from '../domain/errors/unprocessable-error.ts';
import type { AnswerJob, ForwardingJob, WriteBackJob } from '../ports/message-ports.ts';
import type { BuriedHandler, Events, Job, JobHandler, JobQueue, QueueName } from '../ports/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { WebhookJobData } from '../inbox/webhook-inbox.ts';

export type WorkerDependencies = Readonly<{
  queue: JobQueue;
  events: Events;
  report: BusinessEvents;
  handleWebhook(
    companyId: CompanyId,
    webhook: Omit<WebhookJobData, 'companyId'> & Readonly<{ jobId: string }>,
  ): Promise<void>;
  activate(companyId: CompanyId): Promise<void>;
  /** An activation failed for good. */
  activationGivenUp(companyId: CompanyId, error: unknown): Promise<void>;
  disconnect(companyId: CompanyId): Promise<void>;
  answer(job: AnswerJob): Promise<void>;
  writeBack(job: WriteBackJob): Promise<void>;
  forward(job: ForwardingJob): Promise<void>;
  replan(companyId: CompanyId, cause: string, phone?: string): Promise<void>;
  reconcile(companyId: CompanyId, cause: string): Promise<void>;
}>;

type Unbranded<Data> = Omit<Data, 'companyId'> & Readonly<{ companyId: number }>;

const webhookJob = Joi.object<WebhookJobData>({
  companyId: Joi.number().required(),
  resource: Joi.string().allow('').required(),
  resourceId: Joi.number().required(),
  status: Joi.string().allow('').required(),
  data: Joi.any(),
  problem: Joi.string(),
});

const companyJob = Joi.object<{ companyId: number }>({ companyId: Joi.number().required() }).unknown();

const answerJob = Joi.object<Unbranded<AnswerJob>>({
  companyId: Joi.number().required(),
  phone: Joi.string().required(),
  answer: Joi.valid(...clientAnswers).required(),
  whatsappMessageId: Joi.string().required(),
  quotedId: Joi.string(),
});

const writeBackJob = Joi.object<Unbranded<WriteBackJob>>({
  companyId: Joi.number().required(),
  recordId: Joi.number().required(),
  reminderId: Joi.string().required(),
  answer: Joi.valid('yes', 'no').required(),
  cause: Joi.string().required(),
});

const answersJob = Joi.alternatives<Unbranded<AnswerJob> | Unbranded<WriteBackJob>>(answerJob, writeBackJob);

const forwardingJob = Joi.object<Unbranded<ForwardingJob>>({
  companyId: Joi.number().required(),
  messageId: Joi.string().required(),
});

const replanningJob = Joi.object<{ companyId: number; phone?: string }>({
  companyId: Joi.number().required(),
  phone: Joi.string(),
});

/** Runs the queued jobs until the queue stops; a job that throws is tried again by the queue. */
export async function startWorkers(deps: WorkerDependencies): Promise<void> {
  const { queue } = deps;
  const run = (name: QueueName, handler: JobHandler): Promise<void> =>
    queue.work(name, handler, buriedAs(name, deps));
  const ofCompany =
    (work: (companyId: CompanyId, cause: string) => Promise<void>) =>
    (job: Job): Promise<void> =>
      work(companyIdFrom(dataOf(job, companyJob).companyId), `job:${job.id}`);

  await run('webhooks', async (job) => {
    const { companyId, ...webhook } = dataOf(job, webhookJob);
    await deps.handleWebhook(companyIdFrom(companyId), { jobId: job.id, ...webhook });
  });
  await run('activation', ofCompany(deps.activate));
  await run('disconnection', ofCompany(deps.disconnect));
  await run('answers', async (job) => {
    const data = dataOf(job, answersJob);
    const companyId = companyIdFrom(data.companyId);
    await ('recordId' in data ? deps.writeBack({ ...data, companyId }) : deps.answer({ ...data, companyId }));
  });
  await run('forwarding', async (job) => {
    const { companyId, messageId } = dataOf(job, forwardingJob);
    await deps.forward({ companyId: companyIdFrom(companyId), messageId });
  });
  await run('replanning', async (job) => {
    const { companyId, phone } = dataOf(job, replanningJob);
    await deps.replan(companyIdFrom(companyId), `replanning:${job.id}`, phone);
  });
  await run('reconciliation', ofCompany(deps.reconcile));
}

/** Leaves a trace where people look for what happened to their salon. */
function buriedAs(
  queue: QueueName,
  { events, report, activationGivenUp }: Pick<WorkerDependencies, 'events' | 'report' | 'activationGivenUp'>,
): BuriedHandler {
  return async (job, error) => {
    const companyId = companyOf(job);
    const isStrange = queue === 'webhooks' && error instanceof UnprocessableError;
    if (isStrange) report.webhookQuarantined(companyId, job.id, error.reason);
    else report.jobBuried(queue, companyId, job.id, error);
    if (companyId === undefined) return;
    const recordId = queue === 'webhooks' ? recordOf(job) : undefined;
    await events.record({
      companyId,
      type: isStrange ? 'webhook_quarantined' : `${buriedNames[queue]}_buried`,
      cause: `${buriedNames[queue]}:${job.id}`,
      detail: {
        attempts: job.attempt,
        reason: reasonOf(error),
        ...(recordId !== undefined && { record_id: recordId }),
      },
    });
    if (queue === 'activation') await activationGivenUp(companyId, error);
  };
}

const buriedNames = {
  webhooks: 'webhook',
  activation: 'activation',
  disconnection: 'disconnection',
  answers: 'answer',
  replanning: 'replanning',
  forwarding: 'forwarding',
  reconciliation: 'reconciliation',
} as const satisfies Readonly<Record<QueueName, string>>;

function dataOf<Data>(job: Job, schema: Joi.Schema<Data>): Data {
  const checked = schema.validate(job.data);
  if (checked.error !== undefined)
    throw new Error(`Job ${job.id} holds no such data`, { cause: checked.error });
  return checked.value;
}

function companyOf({ data }: Job): CompanyId | undefined {
  const id = typeof data === 'object' && data !== null && 'companyId' in data ? data.companyId : undefined;
  return parsePositiveInteger(id) === undefined ? undefined : companyIdFrom(id);
}

/** By it the event is found among those of its booking. */
function recordOf({ data }: Job): number | undefined {
  const webhook = webhookJob.validate(data);
  const isOfRecord = webhook.error === undefined && webhook.value.resource === 'record';
  return isOfRecord ? parsePositiveInteger(webhook.value.resourceId) : undefined;
}

/** A word, never a message: that may quote what it is about. */
function reasonOf(error: unknown): string {
  if (error instanceof UnprocessableError) return error.reason;
  if (error instanceof AppError) return error.code;
  // Its message is a phrase of ours.
  if (error instanceof PostponedError) return error.message;
  return error instanceof Error ? error.name : 'unknown';
}
