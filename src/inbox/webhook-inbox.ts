import Joi from 'joi';
import type { Company } from '../domain/company.ts';
import { AppError } from '../domain/errors.ts';
import type { CompanyId } from '../domain/ids.ts';
import { lastChangeOf } from '../domain/record.ts';
import { hashedUuid } from '../lib/hashed-uuid.ts';
import type { NewJob } from '../marketplace/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import type { WebhookAddresses } from './webhook-addresses.ts';

/** What a webhook job carries: the platform's envelope, or the generic form turned into it. */
export type WebhookJobData = Readonly<{
  companyId: number;
  resource: string;
  resourceId: number;
  status: string;
  data: unknown;
  /** It is none of the platform's shapes. */
  problem?: string;
}>;

/** The platform tells of an event about five seconds after it: what says the same sooner is a repeat. */
const undatedRepeatMs = 5_000;

/** What every envelope must say; the rest is read as far as it can be. */
const addressee = Joi.object<{ company_id: number }>({
  company_id: Joi.number().integer().positive().required(),
})
  .unknown()
  .required();

const envelope = Joi.object<{ resource: string; resource_id: number; status: string; data?: unknown }>({
  resource: Joi.string().max(100).required(),
  resource_id: Joi.number().integer().min(0).required(),
  status: Joi.string().max(100).required(),
  data: Joi.any(),
}).unknown();

export type InboxDependencies = Readonly<{
  addresses: Pick<WebhookAddresses, 'companyOf'>;
  /** Durable when it resolves. */
  write: (jobs: readonly NewJob[]) => Promise<'stored' | 'spooled'>;
  batch: GroupCommitOptions;
  report: BusinessEvents;
  now: () => Date;
}>;

/**
 * Takes webhooks in. When a promise of this class resolves, the webhook is durable and will be processed, whatever happens
 * to this process; a repeat of the same webhook is taken and changes nothing.
 */
export class WebhookInbox {
  readonly #addresses: InboxDependencies['addresses'];
  readonly #report: BusinessEvents;
  readonly #commit: GroupCommit<NewJob, 'stored' | 'spooled'>;
  readonly #now: () => Date;

  constructor({ addresses, write, batch, report, now }: InboxDependencies) {
    this.#addresses = addresses;
    this.#report = report;
    this.#commit = new GroupCommit(write, batch);
    this.#now = now;
  }

  /** The salon that a webhook path belongs to. @throws AppError `INVALID_TOKEN`, `DB_ERROR` */
  async authenticate(companyId: CompanyId, secret: string): Promise<Company> {
    return await this.#addresses.companyOf(companyId, secret);
  }

  /**
   * The platform says a thing once: what is none of its shapes is taken as well and set aside for a person to look at.
   * @param body the parsed JSON of an entity webhook
   * @throws AppError `FORBIDDEN` when the body speaks of another salon, `DB_ERROR`
   */
  async acceptEntity(company: Company, body: unknown): Promise<void> {
    const addressed = addressee.validate(body);
    const checked = envelope.validate(body);
    if (addressed.error === undefined && addressed.value.company_id !== company.salonId) {
      throw new AppError('FORBIDDEN', {
        text: {
          ru: 'Вебхук относится к другому салону.',
          en: 'The webhook speaks of another salon.',
        },
      });
    }
    if (checked.error !== undefined || addressed.error !== undefined) {
      const strange = { resource: '', resourceId: 0, status: '', data: body, problem: 'unknown_shape' };
      await this.#accept(company, { companyId: company.id, ...strange }, body);
      return;
    }
    const { resource, resource_id: resourceId, status, data = null } = checked.value;
    await this.#accept(company, { companyId: company.id, resource, resourceId, status, data }, body);
  }

  /** The generic form, already validated: `type` is `<resource>.<status>`, such as `record.create`. */
  async acceptGeneric(
    company: Company,
    webhook: Readonly<{ type: string; data: Readonly<Record<string, unknown>>; timestamp: Date }>,
  ): Promise<void> {
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

  async #accept(company: Company, data: WebhookJobData, body: unknown): Promise<void> {
    const id = jobId(data, body, this.#now());
    const job = { id, key: `${company.id}:${data.resource}:${data.resourceId}`, data };
    const where = await this.#commit.add(job);
    this.#report.webhookAccepted(company.id, id, data.resource, where);
  }
}

/**
 * The same webhook gets the same UUID: the platform sends no event id of its own. Without a date of change a record that
 * moved away and back says the same again, so then it is the same only for a moment.
 */
function jobId(webhook: WebhookJobData, body: unknown, now: Date): string {
  const { companyId, resource, resourceId, status } = webhook;
  const changedAt = lastChangeOf(webhook.data)?.toISOString() ?? Math.floor(now.getTime() / undatedRepeatMs);
  return hashedUuid(companyId, resource, resourceId, status, changedAt, body);
}
