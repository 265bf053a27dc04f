import Joi from 'joi';
import { AppError } from '../domain/errors/app-error.ts';
import { PermanentJobError, RetryLaterError } from '../domain/errors/job-errors.ts';
import { type CompanyId, companyIdFrom, parsePositiveInteger } from '../domain/ids.ts';
import { clientReplyKinds } from '../domain/notification/client-reply.ts';
import { type QueueName, queueNames } from '../domain/queue-names.ts';
import type { Reconciliation } from '../marketplace/bookings/reconciliation.ts';
import type { Replanner } from '../marketplace/bookings/replan.ts';
import type { Activation } from '../marketplace/installation/activation.ts';
import type { Lifecycle } from '../marketplace/installation/lifecycle.ts';
import type { MarketplaceService } from '../marketplace/marketplace-service.ts';
import type { AttendanceWriteBack } from '../marketplace/replies/attendance-write-back.ts';
import type { ReplyHandler } from '../marketplace/replies/reply-handler.ts';
import type { WebhookForwarder } from '../marketplace/replies/webhook-forwarder.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { AttendanceWriteBackJob, ClientReplyJob } from '../ports/client-replies.ts';
import type { Events } from '../ports/events.ts';
import type { Job, JobHandler, JobQueue, WebhookJobData } from '../ports/job-queue.ts';
import type { ForwardingJob } from '../ports/received-messages.ts';

export type JobHandlerDeps = Readonly<{
  service: Pick<MarketplaceService, 'handleWebhook' | 'sendCallbackToYClients'>;
  activation: Pick<Activation, 'onDeadLetter'>;
  lifecycle: Pick<Lifecycle, 'disconnect'>;
  replyHandler: Pick<ReplyHandler, 'run'>;
  attendanceWriteBack: Pick<AttendanceWriteBack, 'run'>;
  webhookForwarder: Pick<WebhookForwarder, 'run'>;
  replanner: Pick<Replanner, 'run'>;
  reconciliation: Pick<Reconciliation, 'run'>;
}>;

export type JobWorkerDeps = JobHandlerDeps &
  Readonly<{ queue: Pick<JobQueue, 'work'>; events: Pick<Events, 'record'>; report: BusinessEvents }>;

type HandlerDefinition<Data> = Readonly<{
  /** Prefix of the type and cause of the event recorded for a dead letter. */
  eventPrefix: string;
  schema: Joi.Schema<Data>;
  handle(data: Data, jobId: string): Promise<void>;
  /** Called after the dead letter has been recorded. */
  onDeadLetter?(companyId: CompanyId, error: unknown): Promise<void>;
}>;

type Handler = Pick<HandlerDefinition<unknown>, 'eventPrefix' | 'onDeadLetter'> &
  Readonly<{ run: JobHandler }>;

const companyIdSchema = Joi.number()
  .required()
  .custom((value: unknown) => companyIdFrom(value));

const webhookJobSchema = Joi.object<WebhookJobData>({
  companyId: companyIdSchema,
  resource: Joi.string().allow('').required(),
  resourceId: Joi.number().required(),
  status: Joi.string().allow('').required(),
  data: Joi.any(),
  problem: Joi.string(),
});

const companyJobSchema = Joi.object<Readonly<{ companyId: CompanyId }>>({
  companyId: companyIdSchema,
}).unknown();

const replyJobSchema = Joi.object<ClientReplyJob>({
  companyId: companyIdSchema,
  phone: Joi.string().required(),
  answer: Joi.valid(...clientReplyKinds).required(),
  whatsappMessageId: Joi.string().required(),
  quotedId: Joi.string(),
});

const writeBackJobSchema = Joi.object<AttendanceWriteBackJob>({
  companyId: companyIdSchema,
  recordId: Joi.number().required(),
  reminderId: Joi.string().required(),
  answer: Joi.valid('yes', 'no').required(),
  cause: Joi.string().required(),
});

const forwardingJobSchema = Joi.object<ForwardingJob>({
  companyId: companyIdSchema,
  messageId: Joi.string().required(),
});

const replanningJobSchema = Joi.object<Readonly<{ companyId: CompanyId; phone?: string }>>({
  companyId: companyIdSchema,
  phone: Joi.string(),
});

function jobHandlers(deps: JobHandlerDeps): Readonly<Record<QueueName, Handler>> {
  return {
    webhooks: defineHandler({
      eventPrefix: 'webhook',
      schema: webhookJobSchema,
      handle: ({ companyId, ...webhook }, jobId) =>
        deps.service.handleWebhook(companyId, { jobId, ...webhook }),
    }),
    activation: defineHandler({
      eventPrefix: 'activation',
      schema: companyJobSchema,
      handle: ({ companyId }) => deps.service.sendCallbackToYClients(companyId),
      onDeadLetter: (companyId, error) => deps.activation.onDeadLetter(companyId, error),
    }),
    disconnection: defineHandler({
      eventPrefix: 'disconnection',
      schema: companyJobSchema,
      handle: ({ companyId }) => deps.lifecycle.disconnect(companyId),
    }),
    answers: defineHandler({
      eventPrefix: 'answer',
      schema: Joi.alternatives<ClientReplyJob | AttendanceWriteBackJob>(replyJobSchema, writeBackJobSchema),
      handle: (job) => ('recordId' in job ? deps.attendanceWriteBack.run(job) : deps.replyHandler.run(job)),
    }),
    replanning: defineHandler({
      eventPrefix: 'replanning',
      schema: replanningJobSchema,
      handle: ({ companyId, phone }, jobId) => deps.replanner.run(companyId, `replanning:${jobId}`, phone),
    }),
    forwarding: defineHandler({
      eventPrefix: 'forwarding',
      schema: forwardingJobSchema,
      handle: (job) => deps.webhookForwarder.run(job),
    }),
    reconciliation: defineHandler({
      eventPrefix: 'reconciliation',
      schema: companyJobSchema,
      handle: ({ companyId }, jobId) => deps.reconciliation.run(companyId, `job:${jobId}`),
    }),
  };
}

function defineHandler<Data>({ schema, handle, ...handler }: HandlerDefinition<Data>): Handler {
  return {
    ...handler,
    run: async (job) => {
      const checked = schema.validate(job.data);
      if (checked.error !== undefined)
        throw new Error(`Job ${job.id} has invalid data`, { cause: checked.error });
      await handle(checked.value, job.id);
    },
  };
}

/** Starts a worker for every queue; it runs until the queue stops. The queue retries a job whose handler throws. */
export async function startJobWorkers({ queue, events, report, ...deps }: JobWorkerDeps): Promise<void> {
  const handlers = jobHandlers(deps);
  for (const name of queueNames) {
    const { run, eventPrefix, onDeadLetter } = handlers[name];
    await queue.work(name, run, async (job, error) => {
      const companyId = companyIdOf(job);
      const isQuarantined = error instanceof PermanentJobError && name === 'webhooks';
      if (isQuarantined) report.webhookQuarantined(companyId, job.id, error.reason);
      else report.jobDeadLettered(name, companyId, job.id, error);
      if (companyId === undefined) return;
      const recordId = name === 'webhooks' ? recordIdOf(job) : undefined;
      await events.record({
        companyId,
        type: isQuarantined ? 'webhook_quarantined' : `${eventPrefix}_buried`,
        cause: `${eventPrefix}:${job.id}`,
        detail: {
          attempts: job.attempt,
          reason: failureReason(error),
          ...(recordId !== undefined && { record_id: recordId }),
        },
      });
      await onDeadLetter?.(companyId, error);
    });
  }
}

function companyIdOf({ data }: Job): CompanyId | undefined {
  const id = typeof data === 'object' && data !== null && 'companyId' in data ? data.companyId : undefined;
  return parsePositiveInteger(id) === undefined ? undefined : companyIdFrom(id);
}

/** The booking that a webhook job is about, so that its event history includes the dead letter. */
function recordIdOf({ data }: Job): number | undefined {
  const webhook = webhookJobSchema.validate(data);
  const isRecordWebhook = webhook.error === undefined && webhook.value.resource === 'record';
  return isRecordWebhook ? parsePositiveInteger(webhook.value.resourceId) : undefined;
}

/** Never the message of a foreign error: it may quote personal data. */
function failureReason(error: unknown): string {
  if (error instanceof PermanentJobError) return error.reason;
  if (error instanceof AppError) return error.code;
  if (error instanceof RetryLaterError) return error.message;
  return error instanceof Error ? error.name : 'unknown';
}
