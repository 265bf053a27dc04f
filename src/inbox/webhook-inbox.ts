import { hash } from 'node:crypto';
import Joi from 'joi';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import { lastChangeOf } from '../domain/booking/yclients-record.ts';
import { hashedUuid } from '../crypto/hashed-uuid.ts';
import { RecentRate } from './rate-meter.ts';
import type { NewJob } from '../ports/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';
import { GroupCommit, type GroupCommitOptions } from './group-commit.ts';
import type { WebhookAddresses } from './webhook-authenticator.ts';

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

/** From here on it is a burst: taking webhooks comes before processing them, since their senders wait. */
const burstPerSecond = 300;
/** So many wait for a write only when writes take far too long; memory must not fill with them. */
const mostWaiting = 5_000;
/** What goes on for longer is no burst, and those taken may not wait for ever. */
const longestBurstMs = 60_000;

const salonNumber = Joi.number().integer().positive().required();

/** The one thing that a strange shape may still say. */
const addressee = Joi.object<{ company_id: number }>({ company_id: salonNumber }).unknown().required();

type Envelope = Readonly<{
  company_id: number;
  resource: string;
  resource_id: number;
  status: string;
  data?: unknown;
}>;

const envelope = Joi.object<Envelope>({
  company_id: salonNumber,
  resource: Joi.string().max(100).required(),
  resource_id: Joi.number().integer().min(0).required(),
  status: Joi.string().max(100).required(),
  data: Joi.any(),
})
  .unknown()
  .required();

type Accepted = Readonly<{ companyId: CompanyId; resource: string; job: NewJob & { readonly id: string } }>;

export type InboxDependencies = Readonly<{
  addresses: Pick<WebhookAddresses, 'companyOf' | 'isKnown'>;
  /** Durable when it resolves. */
  write: (jobs: readonly NewJob[]) => Promise<'stored' | 'spooled'>;
  batch: GroupCommitOptions;
  /** Writes under way at once; webhooks of one thing always go by the same lane. */
  lanes: number;
  report: BusinessEvents;
  /** Too many wait: a webhook was turned away that nobody else has told of. */
  refused: (cause: unknown) => void;
  now: () => Date;
  monotonicMs: () => number;
}>;

/**
 * Takes webhooks in. When a promise of this class resolves, the webhook is durable and will be processed, whatever happens
 * to this process; a repeat of the same webhook is taken and changes nothing.
 */
export class WebhookInbox {
  readonly #addresses: InboxDependencies['addresses'];
  readonly #lanes: readonly GroupCommit<Accepted, void>[];
  readonly #rate: RecentRate;
  #quietAtMs: number;
  readonly #monotonicMs: () => number;
  readonly #refused: InboxDependencies['refused'];
  readonly #now: () => Date;

  constructor({ addresses, write, batch, lanes, report, refused, now, monotonicMs }: InboxDependencies) {
    this.#addresses = addresses;
    const writeAndTell = async (webhooks: readonly Accepted[]): Promise<void> => {
      const where = await write(webhooks.map(({ job }) => job));
      const alike = Map.groupBy(webhooks, ({ companyId, resource }) => `${companyId}:${resource}`);
      for (const [first, ...others] of alike.values()) {
        if (first === undefined) continue;
        const jobIds = [first, ...others].map(({ job }) => job.id);
        report.webhooksAccepted(first.companyId, first.resource, jobIds, where);
      }
    };
    this.#lanes = Array.from({ length: lanes }, () => new GroupCommit(writeAndTell, batch));
    this.#rate = new RecentRate(monotonicMs);
    this.#quietAtMs = monotonicMs();
    this.#monotonicMs = monotonicMs;
    this.#refused = refused;
    this.#now = now;
  }

  /** Webhooks come so fast that those already taken should wait a little. To be asked often. */
  get hasBurst(): boolean {
    const nowMs = this.#monotonicMs();
    if (this.#rate.perSecond <= burstPerSecond) this.#quietAtMs = nowMs;
    return nowMs !== this.#quietAtMs && nowMs < this.#quietAtMs + longestBurstMs;
  }

  /** Whether a webhook path was right when it was last looked for. Asks nobody. */
  isKnown(companyId: CompanyId, secret: string): boolean {
    return this.#addresses.isKnown(companyId, secret);
  }

  /** The salon that a webhook path belongs to. @throws AppError `INVALID_TOKEN`, `DB_ERROR` */
  async authenticate(companyId: CompanyId, secret: string): Promise<Company> {
    return await this.#addresses.companyOf(companyId, secret);
  }

  /**
   * The platform says a thing once: what is none of its shapes is taken as well and set aside for a person to look at.
   * @param body the parsed JSON of an entity webhook
   * @param bytes what it was parsed from: a repeat has the same
   * @throws AppError `FORBIDDEN` when the body speaks of another salon, `DB_ERROR`
   */
  async acceptEntity(company: Company, body: unknown, bytes: Uint8Array): Promise<void> {
    const digest = hash('sha256', bytes, 'base64');
    const checked = envelope.validate(body);
    const addressed = checked.error === undefined ? checked : addressee.validate(body);
    if (addressed.error === undefined && addressed.value.company_id !== company.salonId) {
      throw new AppError('FORBIDDEN', {
        text: {
          ru: 'Вебхук относится к другому салону.',
          en: 'The webhook speaks of another salon.',
        },
      });
    }
    if (checked.error !== undefined) {
      const strange = { resource: '', resourceId: 0, status: '', data: body, problem: 'unknown_shape' };
      await this.#accept(company, { companyId: company.id, ...strange }, digest);
      return;
    }
    const { resource, resource_id: resourceId, status, data = null } = checked.value;
    await this.#accept(company, { companyId: company.id, resource, resourceId, status, data }, digest);
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

  async #accept(company: Company, data: WebhookJobData, content: unknown): Promise<void> {
    const id = jobId(data, content, this.#now());
    const waiting = this.#lanes.reduce((sum, lane) => sum + lane.waiting, 0);
    if (waiting >= mostWaiting) {
      const cause = new Error('Too many webhooks wait for a write');
      this.#refused(cause);
      throw new AppError('DB_ERROR', { cause, retryAfterSeconds: 1 });
    }
    const { resource, resourceId } = data;
    const job = { id, key: `${company.id}:${resource}:${resourceId}`, data };
    this.#rate.count();
    await this.#laneOf(data).add({ companyId: company.id, resource, job });
  }

  #laneOf({ companyId, resourceId }: WebhookJobData): GroupCommit<Accepted, void> {
    const lane = this.#lanes[(companyId + resourceId) % this.#lanes.length];
    if (lane === undefined) throw new RangeError('An inbox needs a lane');
    return lane;
  }
}

/**
 * The same webhook gets the same UUID: the platform sends no event id of its own. Without a date of change a record that
 * moved away and back says the same again, so then it is the same only for a moment.
 */
function jobId(webhook: WebhookJobData, content: unknown, now: Date): string {
  const { companyId, resource, resourceId, status } = webhook;
  const changedAt = lastChangeOf(webhook.data)?.toISOString() ?? Math.floor(now.getTime() / undatedRepeatMs);
  return hashedUuid(companyId, resource, resourceId, status, changedAt, content);
}
