import { isWebhookResource } from '../../domain/booking/yclients-record.ts';
import type { Company } from '../../domain/company/company.ts';
import { PermanentJobError } from '../../domain/errors/job-errors.ts';
import type { Outbox } from '../../messaging/outbox.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Events } from '../../ports/events.ts';
import type { WebhookJobData } from '../../ports/job-queue.ts';
import type { BookingSync } from './booking-sync.ts';

export type WebhookJob = Omit<WebhookJobData, 'companyId'> & Readonly<{ jobId: string }>;

export type WebhookProcessorDeps = Readonly<{
  bookingSync: Pick<BookingSync, 'apply'>;
  events: Pick<Events, 'record'>;
  outbox: Pick<Outbox, 'wake'>;
  report: BusinessEvents;
}>;

/** Applies record webhooks; records why any other webhook is ignored. */
export class WebhookProcessor {
  readonly #deps: WebhookProcessorDeps;

  constructor(deps: WebhookProcessorDeps) {
    this.#deps = deps;
  }

  /**
   * Job handler. Idempotent.
   * @throws PermanentJobError for unknown events; they are dead-lettered because YCLIENTS does not resend
   */
  async run(company: Company, webhook: WebhookJob): Promise<void> {
    const { bookingSync, events, outbox, report } = this.#deps;
    const { jobId, resource, resourceId, status } = webhook;
    const cause = `webhook:${jobId}`;
    const problem = webhook.problem ?? detectProblem(webhook);
    if (problem !== undefined) throw new PermanentJobError(problem);
    if (company.integrationStatus === 'uninstalled' || resource !== 'record' || !isRecordStatus(status)) {
      const outcome = company.integrationStatus === 'uninstalled' ? 'uninstalled' : 'other_resource';
      const detail = { resource, resource_id: resourceId, status, outcome };
      await events.record({ companyId: company.id, type: 'webhook_ignored', cause, detail });
      report.webhookProcessed(company.id, jobId, outcome);
      return;
    }
    const { outcome, queuedMessage } = await bookingSync.apply(company, {
      recordId: resourceId,
      status,
      data: webhook.data,
      cause,
    });
    report.webhookProcessed(company.id, jobId, outcome, resourceId);
    if (queuedMessage) outbox.wake(company.id);
  }
}

function detectProblem({ resource, resourceId, status }: WebhookJob): string | undefined {
  if (!isWebhookResource(resource)) return 'unknown_resource';
  if (resource === 'record' && (resourceId <= 0 || !isRecordStatus(status))) return 'unknown_event';
  return undefined;
}

function isRecordStatus(status: string): status is 'create' | 'update' | 'delete' {
  return status === 'create' || status === 'update' || status === 'delete';
}
