import type { Company } from '../domain/company.ts';
import type { CompanyId } from '../domain/ids.ts';
import { bookingFrom, recordIdOf } from '../domain/record.ts';
import { localTimeAt } from '../domain/salon-time.ts';
import { hashedUuid } from '../lib/hashed-uuid.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Companies, Events, JobQueue, YclientsPlatform } from './ports.ts';
import type { RecordWebhooks } from './record-webhooks.ts';
import type { WebhookUrlWatch } from './webhook-url-watch.ts';

export type ReconciliationDependencies = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus' | 'reconciledUntil' | 'setReconciled'>;
  yclients: Pick<YclientsPlatform, 'listRecords'>;
  records: Pick<RecordWebhooks, 'process'>;
  webhookUrls: Pick<WebhookUrlWatch, 'check' | 'missing'>;
  events: Pick<Events, 'record'>;
  queue: Pick<JobQueue, 'insert'>;
  wakeOutbox: (companyId: CompanyId) => void;
  report: BusinessEvents;
  now: () => Date;
}>;

/** Read again each time, for clocks that differ and for changes that the platform lists late. */
const overlapMs = 10 * 60 * 1_000;
const pageSize = 100;
/** Requests of the same cause within this time are one. */
const sameRequestMs = 60_000;

/**
 * Reads what no webhook told us: the platform repeats a webhook twice at most. A durable job for each company; what a webhook
 * has told already changes nothing.
 */
export class Reconciliation {
  readonly #deps: ReconciliationDependencies;

  constructor(deps: ReconciliationDependencies) {
    this.#deps = deps;
  }

  /** Asks for all active companies. @param cause a word such as `start` */
  async requestAll(cause: string): Promise<number> {
    const active = await this.#deps.companies.withStatus(['active']);
    await this.#request(
      active.map(({ id }) => id),
      cause,
    );
    return active.length;
  }

  async request(companyId: CompanyId, cause: string): Promise<void> {
    await this.#request([companyId], cause);
  }

  /** Asks for the companies that the platform posts nothing to us about. */
  async requestUnposted(): Promise<void> {
    await this.#request([...this.#deps.webhookUrls.missing], 'unposted');
  }

  /** The job. */
  async run(companyId: CompanyId, cause: string): Promise<void> {
    const { companies, events, report, webhookUrls, wakeOutbox } = this.#deps;
    const company = await companies.byId(companyId);
    if (company?.integrationStatus !== 'active' || company.timeZone === undefined) return;
    await webhookUrls.check(company, cause);
    const { startedAt, read, news } = await this.#readChanges(company, company.timeZone, cause);
    await companies.setReconciled(companyId, startedAt);
    report.reconciled(companyId, read, news);
    if (news === 0) return;
    await events.record({ companyId, type: 'reconciled', cause, detail: { read, news } });
    wakeOutbox(companyId);
  }

  async #readChanges(
    company: Company,
    timeZone: string,
    cause: string,
  ): Promise<Readonly<{ startedAt: Date; read: number; news: number }>> {
    const { companies, yclients, now } = this.#deps;
    const startedAt = now();
    const mark = await companies.reconciledUntil(company.id);
    const changes =
      mark === undefined
        ? { startDate: localTimeAt(startedAt, timeZone).slice(0, 10) }
        : { changedAfter: new Date(mark.getTime() - overlapMs) };
    let [read, news] = [0, 0];
    for (let page = 1; ; page += 1) {
      const records = await yclients.listRecords(company.salonId, { ...changes, page, count: pageSize });
      for (const data of records) if (await this.#process(company, data, mark, cause)) news += 1;
      read += records.length;
      if (records.length < pageSize) return { startedAt, read, news };
    }
  }

  /** @returns whether a message follows that no webhook asked for */
  async #process(company: Company, data: unknown, mark: Date | undefined, cause: string): Promise<boolean> {
    const recordId = recordIdOf(data);
    if (recordId === undefined) return false;
    const booking = bookingFrom(recordId, data);
    if (booking === undefined) return false;
    const { queuedMessage } = await this.#deps.records.process(company, {
      recordId,
      status: statusOf(booking.createdAt, mark),
      data,
      cause: `reconciliation:${cause}`,
    });
    return queuedMessage;
  }

  async #request(companyIds: readonly CompanyId[], cause: string): Promise<void> {
    const span = Math.floor(this.#deps.now().getTime() / sameRequestMs);
    await this.#deps.queue.insert(
      'reconciliation',
      companyIds.map((companyId) => ({
        // Who asks by hand means now.
        ...(cause !== 'operator' && { id: hashedUuid('reconciliation', companyId, cause, span) }),
        key: String(companyId),
        data: { companyId, cause },
      })),
    );
  }
}

/** What was made after the last good reading, or shortly before it, is news to the client as well. */
function statusOf(createdAt: Date | undefined, mark: Date | undefined): 'found' | 'found_new' {
  if (mark === undefined || createdAt === undefined) return 'found';
  return createdAt.getTime() > mark.getTime() - overlapMs ? 'found_new' : 'found';
}
