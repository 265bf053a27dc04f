import type { Company } from '../../domain/company/company.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { bookingFrom, recordIdOf } from '../../domain/booking/yclients-record.ts';
import { localTimeAt } from '../../domain/company/salon-time.ts';
import { hashedUuid } from '../../crypto/hashed-uuid.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies, Events, JobQueue, Readings } from '../../ports/ports.ts';
import type { YclientsPlatform } from '../../ports/yclients.ts';
import type { RecordWebhooks } from './booking-sync.ts';
import type { WebhookUrlWatch } from './webhook-subscription-check.ts';

export type ReconciliationDependencies = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus'>;
  readings: Readings;
  yclients: Pick<YclientsPlatform, 'listRecords'>;
  records: Pick<RecordWebhooks, 'process'>;
  webhookUrls: Pick<WebhookUrlWatch, 'check' | 'missing' | 'keepOnly'>;
  events: Pick<Events, 'record'>;
  queue: Pick<JobQueue, 'insert'>;
  wakeOutbox: (companyId: CompanyId) => void;
  report: BusinessEvents;
  now: () => Date;
}>;

/** Read again each time, for clocks that differ and for changes that the platform lists late. */
const overlapMs = 10 * 60 * 1_000;
const pageSize = 100;
const dayMs = 24 * 60 * 60 * 1_000;

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

  /** Asks for the active companies that the platform posts nothing to us about. */
  async requestUnposted(): Promise<void> {
    const { companies, webhookUrls } = this.#deps;
    if (webhookUrls.missing.size === 0) return;
    const active = await companies.withStatus(['active']);
    webhookUrls.keepOnly(new Set(active.map(({ id }) => id)));
    await this.#request([...webhookUrls.missing], 'unposted');
  }

  /** The job. @param cause names it, the same at each attempt */
  async run(companyId: CompanyId, cause: string): Promise<void> {
    const { companies, readings, events, report, webhookUrls, wakeOutbox, now } = this.#deps;
    // Before anything else: as long as no job begins, no other one is queued.
    const readUntil = await readings.begin(companyId, cause);
    const company = await companies.byId(companyId);
    if (company?.integrationStatus !== 'active' || company.timeZone === undefined) return;
    await webhookUrls.check(company, cause);
    const startedAt = now();
    const mark = readUntil && credible(readUntil, startedAt);
    const { read, news } = await this.#readChanges(company, company.timeZone, cause, mark);
    await readings.finish(companyId, startedAt);
    report.reconciled(companyId, read, news);
    if (news === 0) return;
    await events.record({ companyId, type: 'reconciled', cause, detail: { read, news } });
    wakeOutbox(companyId);
  }

  async #readChanges(
    company: Company,
    timeZone: string,
    cause: string,
    mark: Date | undefined,
  ): Promise<Readonly<{ read: number; news: number }>> {
    const { yclients, now } = this.#deps;
    const changes =
      mark === undefined
        ? { startDate: localTimeAt(now(), timeZone).slice(0, 10) }
        : { changedAfter: new Date(mark.getTime() - overlapMs) };
    let [read, news] = [0, 0];
    for (let page = 1; ; page += 1) {
      const records = await yclients.listRecords(company.salonId, { ...changes, page, count: pageSize });
      for (const data of records) if (await this.#process(company, data, mark, cause)) news += 1;
      read += records.length;
      if (records.length < pageSize) return { read, news };
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

  /** One job waits for each company at most: it reads every gap up to its beginning, so that only a later one needs another. */
  async #request(companyIds: readonly CompanyId[], cause: string): Promise<void> {
    if (companyIds.length === 0) return;
    const begun = await this.#deps.readings.begun(companyIds);
    await this.#deps.queue.insert(
      'reconciliation',
      companyIds.map((companyId) => ({
        id: hashedUuid('reconciliation', companyId, begun.get(companyId)),
        key: String(companyId),
        data: { companyId, cause },
      })),
    );
  }
}

/** A mark of the future was set by a clock that was wrong. Nobody knows by how much, so a day is read again. */
function credible(mark: Date, now: Date): Date {
  return mark.getTime() - overlapMs > now.getTime() ? new Date(now.getTime() - dayMs) : mark;
}

/** What was made after the last good reading, or shortly before it, is news to the client as well. */
function statusOf(createdAt: Date | undefined, mark: Date | undefined): 'found' | 'found_new' {
  if (mark === undefined || createdAt === undefined) return 'found';
  return createdAt.getTime() > mark.getTime() - overlapMs ? 'found_new' : 'found';
}
