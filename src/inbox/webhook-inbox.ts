import Joi from 'joi';
import type { Company } from '../domain/company.ts';
import { AppError } from '../domain/errors.ts';
import type { CompanyId } from '../domain/ids.ts';
import { lastChangeOf } from '../domain/record.ts';
import { hashedUuid } from '../lib/hashed-uuid.ts';
import { safeEqual } from '../lib/safe-equal.ts';
import { secretHash } from '../lib/secret-hash.ts';
import type { Companies, JobQueue, NewJob } from '../marketplace/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';
import { GroupCommit } from './group-commit.ts';

/** What a webhook job carries: the platform's envelope, or the generic form turned into it. */
export type WebhookJobData = Readonly<{
  companyId: number;
  resource: string;
  resourceId: number;
  status: string;
  data: unknown;
}>;

/** The platform tells of an event about five seconds after it: what says the same sooner is a repeat. */
const undatedRepeatMs = 5_000;

const envelope = Joi.object<{
  company_id: number;
  resource: string;
  resource_id: number;
  status: string;
  data?: unknown;
}>({
  company_id: Joi.number().integer().positive().required(),
  resource: Joi.string().max(100).required(),
  resource_id: Joi.number().integer().min(0).required(),
  status: Joi.valid('create', 'update', 'delete').required(),
  data: Joi.any(),
}).unknown();

export type InboxDependencies = Readonly<{
  companies: Pick<Companies, 'byId'>;
  queue: Pick<JobQueue, 'insert'>;
  report: BusinessEvents;
  now: () => Date;
}>;

/**
 * Takes webhooks in. When a promise of this class resolves, the webhook is durable and will be processed, whatever happens
 * to this process; a repeat of the same webhook is taken and changes nothing.
 */
export class WebhookInbox {
  readonly #companies: InboxDependencies['companies'];
  readonly #report: BusinessEvents;
  readonly #commit: GroupCommit<NewJob>;
  readonly #now: () => Date;

  constructor({ companies, queue, report, now }: InboxDependencies) {
    this.#companies = companies;
    this.#report = report;
    this.#now = now;
    this.#commit = new GroupCommit((jobs) => queue.insert('webhooks', jobs));
  }

  /**
   * The salon that a webhook path belongs to. Unknown companies and wrong secrets look the same, also by the clock.
   * @throws AppError `INVALID_TOKEN`, `DB_ERROR`
   */
  async authenticate(companyId: CompanyId, secret: string): Promise<Company> {
    const company = await this.#companies.byId(companyId);
    if (safeEqual(secretHash(secret), company?.webhookSecretHash ?? '') && company !== undefined)
      return company;
    throw new AppError('INVALID_TOKEN', {
      text: { ru: 'Неизвестный адрес вебхука.', en: 'Unknown webhook address.' },
    });
  }

  /**
   * @param body the parsed JSON of an entity webhook
   * @throws AppError `VALIDATION_ERROR`, `FORBIDDEN` when the body speaks of another salon, `DB_ERROR`
   */
  async acceptEntity(company: Company, body: unknown): Promise<void> {
    const checked = envelope.validate(body);
    if (checked.error !== undefined) throw invalid(checked.error);
    const { value } = checked;
    if (value.company_id !== company.salonId) {
      throw new AppError('FORBIDDEN', {
        text: {
          ru: 'Вебхук относится к другому салону.',
          en: 'The webhook speaks of another salon.',
        },
      });
    }
    await this.#accept(
      company,
      {
        companyId: company.id,
        resource: value.resource,
        resourceId: value.resource_id,
        status: value.status,
        data: value.data ?? null,
      },
      body,
    );
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
    await this.#commit.add({ id, key: `${company.id}:${data.resource}:${data.resourceId}`, data });
    this.#report.webhookAccepted(company.id, id, data.resource);
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

function invalid(error: Joi.ValidationError): AppError {
  const field = error.details[0]?.path.join('.') ?? 'body';
  return new AppError('VALIDATION_ERROR', {
    text: {
      ru: `Вебхук заполнен неверно: поле ${field}.`,
      en: `The webhook is not valid: ${error.details[0]?.message ?? field}.`,
    },
    cause: error,
  });
}
