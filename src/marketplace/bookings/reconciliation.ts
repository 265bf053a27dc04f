import type { Company } from '../../domain/company/company.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { bookingFrom, recordIdFrom } from '../../domain/booking/yclients-record.ts';
import { localTimeAt } from '../../domain/company/salon-time.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { YclientsPlatform } from '../../ports/yclients.ts';
import type { BookingSync } from './booking-sync.ts';
import type { WebhookSubscriptionCheck } from './webhook-subscription-check.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { SyncCursors } from '../../ports/bookings.ts';
import { deterministicUuid } from '../../crypto/hash.ts';

export type ReconciliationDeps = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus'>;
  syncCursors: SyncCursors;
  yclients: Pick<YclientsPlatform, 'listRecords'>;
  bookingSync: Pick<BookingSync, 'apply'>;
  webhookSubscriptionCheck: Pick<WebhookSubscriptionCheck, 'check' | 'missing' | 'retainOnly'>;
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
  readonly #deps: ReconciliationDeps;

  constructor(deps: ReconciliationDeps) {
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
  async requestUnsubscribed(): Promise<void> {
    const { companies, webhookSubscriptionCheck } = this.#deps;
    if (webhookSubscriptionCheck.missing.size === 0) return;
    const active = await companies.withStatus(['active']);
    webhookSubscriptionCheck.retainOnly(new Set(active.map(({ id }) => id)));
    await this.#request([...webhookSubscriptionCheck.missing], 'unposted');
  }

  /** The job. @param cause names it, the same at each attempt */
  async run(companyId: CompanyId, cause: string): Promise<void> {
    const { companies, syncCursors, events, report, webhookSubscriptionCheck, wakeOutbox, now } = this.#deps;
    // Before anything else: as long as no job begins, no other one is queued.
    const storedCursor = await syncCursors.begin(companyId, cause);
    const company = await companies.byId(companyId);
    if (company?.integrationStatus !== 'active' || company.timeZone === undefined) return;
    await webhookSubscriptionCheck.check(company, cause);
    const startedAt = now();
    const cursor = storedCursor && clampCursor(storedCursor, startedAt);
    const { read, news } = await this.#readChanges(company, company.timeZone, cause, cursor);
    await syncCursors.finish(companyId, startedAt);
    report.reconciled(companyId, read, news);
    if (news === 0) return;
    await events.record({ companyId, type: 'reconciled', cause, detail: { read, news } });
    wakeOutbox(companyId);
  }

  async #readChanges(
    company: Company,
    timeZone: string,
    cause: string,
    cursor: Date | undefined,
  ): Promise<Readonly<{ read: number; news: number }>> {
    const { yclients, now } = this.#deps;
    const changes =
      cursor === undefined
        ? { startDate: localTimeAt(now(), timeZone).slice(0, 10) }
        : { changedAfter: new Date(cursor.getTime() - overlapMs) };
    let [read, news] = [0, 0];
    for (let page = 1; ; page += 1) {
      const records = await yclients.listRecords(company.salonId, { ...changes, page, count: pageSize });
      for (const data of records) if (await this.#applyRecord(company, data, cursor, cause)) news += 1;
      read += records.length;
      if (records.length < pageSize) return { read, news };
    }
  }

  /** @returns whether a message follows that no webhook asked for */
  async #applyRecord(
    company: Company,
    data: unknown,
    cursor: Date | undefined,
    cause: string,
  ): Promise<boolean> {
    const recordId = recordIdFrom(data);
    if (recordId === undefined) return false;
    const booking = bookingFrom(recordId, data);
    if (booking === undefined) return false;
    const { queuedMessage } = await this.#deps.bookingSync.apply(company, {
      recordId,
      status: discoveryStatus(booking.createdAt, cursor),
      data,
      cause: `reconciliation:${cause}`,
    });
    return queuedMessage;
  }

  /** One job waits for each company at most: it reads every gap up to its beginning, so that only a later one needs another. */
  async #request(companyIds: readonly CompanyId[], cause: string): Promise<void> {
    if (companyIds.length === 0) return;
    const runCounts = await this.#deps.syncCursors.runCounts(companyIds);
    await this.#deps.queue.insert(
      'reconciliation',
      companyIds.map((companyId) => ({
        id: deterministicUuid('reconciliation', companyId, runCounts.get(companyId)),
        key: String(companyId),
        data: { companyId, cause },
      })),
    );
  }
}

/** A mark of the future was set by a clock that was wrong. Nobody knows by how much, so a day is read again. */
function clampCursor(cursor: Date, now: Date): Date {
  return cursor.getTime() - overlapMs > now.getTime() ? new Date(now.getTime() - dayMs) : cursor;
}

/** What was made after the last good reading, or shortly before it, is news to the client as well. */
function discoveryStatus(
  createdAt: Date | undefined,
  cursor: Date | undefined,
): 'discovered' | 'discovered_new' {
  if (cursor === undefined || createdAt === undefined) return 'discovered';
  return createdAt.getTime() > cursor.getTime() - overlapMs ? 'discovered_new' : 'discovered';
}
