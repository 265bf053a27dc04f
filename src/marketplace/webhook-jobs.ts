import type { Company } from '../domain/company.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Events } from './ports.ts';
import type { RecordWebhooks } from './record-webhooks.ts';

export type WebhookJob = Readonly<{
  jobId: string;
  resource: string;
  resourceId: number;
  status: string;
  data: unknown;
}>;

export type WebhookJobDependencies = Readonly<{
  records: RecordWebhooks;
  events: Events;
  /** Tells the outbox that the company has a message. */
  wakeOutbox: (companyId: CompanyId) => void;
  report: BusinessEvents;
}>;

/** Does what a webhook asks for, or notes why it asks for nothing. */
export class WebhookJobs {
  readonly #deps: WebhookJobDependencies;

  constructor(deps: WebhookJobDependencies) {
    this.#deps = deps;
  }

  /** A repeat changes nothing. */
  async run(company: Company, webhook: WebhookJob): Promise<void> {
    const { records, events, wakeOutbox, report } = this.#deps;
    const { jobId, resource, resourceId, status } = webhook;
    const cause = `webhook:${jobId}`;
    const refusal = refusalOf(company, webhook);
    if (refusal !== undefined || !isRecordStatus(status)) {
      const outcome = refusal ?? 'unknown_event';
      const detail = { resource, resource_id: resourceId, status, outcome };
      await events.record({ companyId: company.id, type: 'webhook_ignored', cause, detail });
      report.webhookProcessed(company.id, jobId, outcome);
      return;
    }
    const { outcome, queuedMessage } = await records.process(company, {
      recordId: resourceId,
      status,
      data: webhook.data,
      cause,
    });
    report.webhookProcessed(company.id, jobId, outcome, resourceId);
    if (queuedMessage) wakeOutbox(company.id);
  }
}

function refusalOf({ integrationStatus }: Company, { resource, resourceId }: WebhookJob): string | undefined {
  if (integrationStatus === 'uninstalled' || integrationStatus === 'frozen') return integrationStatus;
  if (resource !== 'record') return 'other_resource';
  return resourceId > 0 ? undefined : 'unknown_event';
}

function isRecordStatus(status: string): status is 'create' | 'update' | 'delete' {
  return status === 'create' || status === 'update' || status === 'delete';
}
