import Joi from 'joi';
import { clientReplyKinds } from '../domain/notification/client-reply.ts';
import { AppError } from '../domain/errors/app-error.ts';
import { type CompanyId, companyIdFrom, parsePositiveInteger } from '../domain/ids.ts';
import { RetryLaterError, PermanentJobError } from '../domain/errors/job-errors.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { ClientReplyJob, AttendanceWriteBackJob } from '../ports/client-replies.ts';
import type { ForwardingJob } from '../ports/received-messages.ts';
import type {
  DeadLetterHandler,
  Job,
  JobHandler,
  JobQueue,
  QueueName,
  WebhookJobData,
} from '../ports/job-queue.ts';
import type { Events } from '../ports/events.ts';

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
  onActivationDeadLettered(companyId: CompanyId, error: unknown): Promise<void>;
  disconnect(companyId: CompanyId): Promise<void>;
  handleReply(job: ClientReplyJob): Promise<void>;
  writeBackAttendance(job: AttendanceWriteBackJob): Promise<void>;
  forward(job: ForwardingJob): Promise<void>;
  replan(companyId: CompanyId, cause: string, phone?: string): Promise<void>;
  reconcile(companyId: CompanyId, cause: string): Promise<void>;
}>;

type Unbranded<Data> = Omit<Data, 'companyId'> & Readonly<{ companyId: number }>;

const webhookJobSchema = Joi.object<WebhookJobData>({
  companyId: Joi.number().required(),
  resource: Joi.string().allow('').required(),
  resourceId: Joi.number().required(),
  status: Joi.string().allow('').required(),
  data: Joi.any(),
  problem: Joi.string(),
});

const companyJobSchema = Joi.object<{ companyId: number }>({ companyId: Joi.number().required() }).unknown();

const replyJobSchema = Joi.object<Unbranded<ClientReplyJob>>({
  companyId: Joi.number().required(),
  phone: Joi.string().required(),
  answer: Joi.valid(...clientReplyKinds).required(),
  whatsappMessageId: Joi.string().required(),
  quotedId: Joi.string(),
});

const writeBackJobSchema = Joi.object<Unbranded<AttendanceWriteBackJob>>({
  companyId: Joi.number().required(),
  recordId: Joi.number().required(),
  reminderId: Joi.string().required(),
  answer: Joi.valid('yes', 'no').required(),
  cause: Joi.string().required(),
});

const answersQueueJobSchema = Joi.alternatives<Unbranded<ClientReplyJob> | Unbranded<AttendanceWriteBackJob>>(
  replyJobSchema,
  writeBackJobSchema,
);

const forwardingJobSchema = Joi.object<Unbranded<ForwardingJob>>({
  companyId: Joi.number().required(),
  messageId: Joi.string().required(),
});

const replanningJobSchema = Joi.object<{ companyId: number; phone?: string }>({
  companyId: Joi.number().required(),
  phone: Joi.string(),
});

/** Runs the queued jobs until the queue stops; a job that throws is tried again by the queue. */
export async function startWorkers(deps: WorkerDependencies): Promise<void> {
  const { queue } = deps;
  const run = (name: QueueName, handler: JobHandler): Promise<void> =>
    queue.work(name, handler, deadLetterHandler(name, deps));
  const companyHandler =
    (work: (companyId: CompanyId, cause: string) => Promise<void>) =>
    (job: Job): Promise<void> =>
      work(companyIdFrom(parseJobData(job, companyJobSchema).companyId), `job:${job.id}`);

  await run('webhooks', async (job) => {
    const { companyId, ...webhook } = parseJobData(job, webhookJobSchema);
    await deps.handleWebhook(companyIdFrom(companyId), { jobId: job.id, ...webhook });
  });
  await run('activation', companyHandler(deps.activate));
  await run('disconnection', companyHandler(deps.disconnect));
  await run('answers', async (job) => {
    const data = parseJobData(job, answersQueueJobSchema);
    const companyId = companyIdFrom(data.companyId);
    await ('recordId' in data
      ? deps.writeBackAttendance({ ...data, companyId })
      : deps.handleReply({ ...data, companyId }));
  });
  await run('forwarding', async (job) => {
    const { companyId, messageId } = parseJobData(job, forwardingJobSchema);
    await deps.forward({ companyId: companyIdFrom(companyId), messageId });
  });
  await run('replanning', async (job) => {
    const { companyId, phone } = parseJobData(job, replanningJobSchema);
    await deps.replan(companyIdFrom(companyId), `replanning:${job.id}`, phone);
  });
  await run('reconciliation', companyHandler(deps.reconcile));
}

/** Leaves a trace where people look for what happened to their salon. */
function deadLetterHandler(
  queue: QueueName,
  {
    events,
    report,
    onActivationDeadLettered,
  }: Pick<WorkerDependencies, 'events' | 'report' | 'onActivationDeadLettered'>,
): DeadLetterHandler {
  return async (job, error) => {
    const companyId = companyIdOfJob(job);
    const isQuarantined = queue === 'webhooks' && error instanceof PermanentJobError;
    if (isQuarantined) report.webhookQuarantined(companyId, job.id, error.reason);
    else report.jobDeadLettered(queue, companyId, job.id, error);
    if (companyId === undefined) return;
    const recordId = queue === 'webhooks' ? recordIdOfJob(job) : undefined;
    await events.record({
      companyId,
      type: isQuarantined ? 'webhook_quarantined' : `${eventPrefixes[queue]}_buried`,
      cause: `${eventPrefixes[queue]}:${job.id}`,
      detail: {
        attempts: job.attempt,
        reason: failureReason(error),
        ...(recordId !== undefined && { record_id: recordId }),
      },
    });
    if (queue === 'activation') await onActivationDeadLettered(companyId, error);
  };
}

const eventPrefixes = {
  webhooks: 'webhook',
  activation: 'activation',
  disconnection: 'disconnection',
  answers: 'answer',
  replanning: 'replanning',
  forwarding: 'forwarding',
  reconciliation: 'reconciliation',
} as const satisfies Readonly<Record<QueueName, string>>;

function parseJobData<Data>(job: Job, schema: Joi.Schema<Data>): Data {
  const checked = schema.validate(job.data);
  if (checked.error !== undefined)
    throw new Error(`Job ${job.id} has invalid data`, { cause: checked.error });
  return checked.value;
}

function companyIdOfJob({ data }: Job): CompanyId | undefined {
  const id = typeof data === 'object' && data !== null && 'companyId' in data ? data.companyId : undefined;
  return parsePositiveInteger(id) === undefined ? undefined : companyIdFrom(id);
}

/** By it the event is found among those of its booking. */
function recordIdOfJob({ data }: Job): number | undefined {
  const webhook = webhookJobSchema.validate(data);
  const isRecordWebhook = webhook.error === undefined && webhook.value.resource === 'record';
  return isRecordWebhook ? parsePositiveInteger(webhook.value.resourceId) : undefined;
}

/** A word, never a message: that may quote what it is about. */
function failureReason(error: unknown): string {
  if (error instanceof PermanentJobError) return error.reason;
  if (error instanceof AppError) return error.code;
  // Its message is a phrase of ours.
  if (error instanceof RetryLaterError) return error.message;
  return error instanceof Error ? error.name : 'unknown';
}
