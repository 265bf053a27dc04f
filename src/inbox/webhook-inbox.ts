import { hash } from 'node:crypto';
import Joi from 'joi';
import { deterministicUuid } from '../crypto/hash.ts';
import { lastChangeFrom } from '../domain/booking/yclients-record.ts';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { GenericWebhook, Inbox } from '../ports/inbox.ts';
import type { NewJob, WebhookJobData } from '../ports/job-queue.ts';
import type { BurstDetector } from './burst-detector.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import type { WebhookWriter } from './webhook-writer.ts';

/** YCLIENTS posts about five seconds after an event: identical webhooks within this window are repeats. */
const undatedDedupWindowMs = 5_000;

/** Bounds the memory when writes are slow. */
const maxPending = 5_000;

const salonIdSchema = Joi.number().integer().positive().required();

/** Detects the salon of a webhook of unknown shape. */
const salonOnlySchema = Joi.object<{ company_id: number }>({ company_id: salonIdSchema })
  .unknown()
  .required();

type EntityWebhook = Readonly<{
  company_id: number;
  resource: string;
  resource_id: number;
  status: string;
  data?: unknown;
}>;

const entityWebhookSchema = Joi.object<EntityWebhook>({
  company_id: salonIdSchema,
  resource: Joi.string().max(100).required(),
  resource_id: Joi.number().integer().min(0).required(),
  status: Joi.string().max(100).required(),
  data: Joi.any(),
})
  .unknown()
  .required();

type AcceptedWebhook = Readonly<{
  companyId: CompanyId;
  resource: string;
  job: NewJob & { readonly id: string };
}>;

export type WebhookInboxDeps = Readonly<{
  writer: Pick<WebhookWriter, 'write' | 'markRejected'>;
  report: BusinessEvents;
  burstDetector: Pick<BurstDetector, 'count'>;
  now: () => Date;
}>;

export type WebhookInboxOptions = Readonly<{
  batch: GroupCommitOptions;
  /** Concurrent writes. Webhooks of one record always use the same shard. */
  shardCount: number;
}>;

/** Writes accepted webhooks in batches, one batch at a time per shard. */
export class WebhookInbox implements Inbox {
  readonly #shards: readonly GroupCommit<AcceptedWebhook, void>[];
  readonly #burstDetector: WebhookInboxDeps['burstDetector'];
  readonly #writer: WebhookInboxDeps['writer'];
  readonly #now: () => Date;

  constructor(deps: WebhookInboxDeps, { batch, shardCount }: WebhookInboxOptions) {
    const { writer, report, burstDetector, now } = deps;
    const writeAndReport = async (webhooks: readonly AcceptedWebhook[]): Promise<void> => {
      const destination = await writer.write(webhooks.map(({ job }) => job));
      const byResource = Map.groupBy(webhooks, ({ companyId, resource }) => `${companyId}:${resource}`);
      for (const [first, ...rest] of byResource.values()) {
        if (first === undefined) continue;
        const jobIds = [first, ...rest].map(({ job }) => job.id);
        report.webhooksAccepted(first.companyId, first.resource, jobIds, destination);
      }
    };
    this.#shards = Array.from({ length: shardCount }, () => new GroupCommit(writeAndReport, batch));
    this.#burstDetector = burstDetector;
    this.#writer = writer;
    this.#now = now;
  }

  async acceptEntity(company: Company, body: unknown, bytes: Uint8Array): Promise<void> {
    const digest = hash('sha256', bytes, 'base64');
    const checked = entityWebhookSchema.validate(body);
    const withSalonId = checked.error === undefined ? checked : salonOnlySchema.validate(body);
    if (withSalonId.error === undefined && withSalonId.value.company_id !== company.salonId) {
      throw new AppError('FORBIDDEN', {
        text: {
          ru: 'Вебхук относится к другому салону.',
          en: 'The webhook belongs to another salon.',
        },
      });
    }
    if (checked.error !== undefined) {
      const unknownShape = { resource: '', resourceId: 0, status: '', data: body, problem: 'unknown_shape' };
      await this.#accept(company, { companyId: company.id, ...unknownShape }, digest);
      return;
    }
    const { resource, resource_id: resourceId, status, data = null } = checked.value;
    await this.#accept(company, { companyId: company.id, resource, resourceId, status, data }, digest);
  }

  async acceptGeneric(company: Company, webhook: GenericWebhook): Promise<void> {
    const [resource = '', status = ''] = webhook.type.split('.', 2);
    const id = Number(webhook.data['id']);
    await this.#accept(
      company,
      {
        companyId: company.id,
        resource,
        resourceId: Number.isSafeInteger(id) && id > 0 ? id : 0,
        status,
        data: webhook.data,
      },
      webhook,
    );
  }

  async #accept(company: Company, data: WebhookJobData, content: unknown): Promise<void> {
    const id = webhookJobId(data, content, this.#now());
    const pending = this.#shards.reduce((sum, shard) => sum + shard.pendingCount, 0);
    if (pending >= maxPending) {
      const cause = new Error('Too many webhooks pending');
      this.#writer.markRejected(cause);
      throw new AppError('DB_ERROR', { cause, retryAfterSeconds: 1 });
    }
    const { resource, resourceId } = data;
    const job = { id, key: `${company.id}:${resource}:${resourceId}`, data };
    this.#burstDetector.count();
    await this.#shardFor(data).add({ companyId: company.id, resource, job });
  }

  #shardFor({ companyId, resourceId }: WebhookJobData): GroupCommit<AcceptedWebhook, void> {
    const shard = this.#shards[(companyId + resourceId) % this.#shards.length];
    if (shard === undefined) throw new RangeError('shardCount must be at least 1');
    return shard;
  }
}

/**
 * Identical webhooks get the same UUID, since YCLIENTS sends no event id. Without a change date, a record that moved away and
 * back is identical too, so its repeats are recognised for `undatedDedupWindowMs` only.
 */
function webhookJobId(webhook: WebhookJobData, content: unknown, now: Date): string {
  const { companyId, resource, resourceId, status } = webhook;
  const changedAt =
    lastChangeFrom(webhook.data)?.toISOString() ?? Math.floor(now.getTime() / undatedDedupWindowMs);
  return deterministicUuid(companyId, resource, resourceId, status, changedAt, content);
}
