import { deterministicUuid } from '../../crypto/hash.ts';
import { bookingFrom, recordIdFrom } from '../../domain/booking/yclients-record.ts';
import type { Company } from '../../domain/company/company.ts';
import { localTimeAt } from '../../domain/company/salon-time.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { Outbox } from '../../messaging/outbox.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { SyncCursors } from '../../ports/bookings.ts';
import type { Companies } from '../../ports/companies.ts';
import type { Events } from '../../ports/events.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { YclientsApi } from '../../ports/yclients.ts';
import type { BookingSync } from './booking-sync.ts';
import type { WebhookSubscriptionCheck } from './webhook-subscription-check.ts';

export type ReconciliationDeps = Readonly<{
  companies: Pick<Companies, 'byId' | 'withStatus'>;
  syncCursors: SyncCursors;
  yclients: Pick<YclientsApi, 'listRecords'>;
  bookingSync: Pick<BookingSync, 'apply'>;
  webhookSubscriptionCheck: Pick<WebhookSubscriptionCheck, 'check' | 'missing' | 'retainOnly'>;
  events: Pick<Events, 'record'>;
  queue: Pick<JobQueue, 'insert'>;
  outbox: Pick<Outbox, 'wake'>;
  report: BusinessEvents;
  now: () => Date;
}>;

/** Overlap of consecutive readings: clocks differ, and YCLIENTS lists changes with a delay. */
const overlapMs = 10 * 60 * 1_000;
const pageSize = 100;
const dayMs = 24 * 60 * 60 * 1_000;

/**
 * Reads changed records from YCLIENTS, which retries a webhook twice at most. One durable job per company; changes that a
 * webhook has already delivered have no effect.
 */
export class Reconciliation {
  readonly #deps: ReconciliationDeps;

  constructor(deps: ReconciliationDeps) {
    this.#deps = deps;
  }

  /** Enqueues a job for every active company. @param cause such as `schedule` @returns the number of companies */
  async requestAll(cause: string): Promise<number> {
    const active = await this.#deps.companies.withStatus(['active']);
    await this.#enqueue(
      active.map(({ id }) => id),
      cause,
    );
    return active.length;
  }

  async request(companyId: CompanyId, cause: string): Promise<void> {
    await this.#enqueue([companyId], cause);
  }

  /** Enqueues jobs for active companies whose webhook subscription is missing. */
  async requestUnsubscribed(): Promise<void> {
    const { companies, webhookSubscriptionCheck } = this.#deps;
    if (webhookSubscriptionCheck.missing.size === 0) return;
    const active = await companies.withStatus(['active']);
    webhookSubscriptionCheck.retainOnly(new Set(active.map(({ id }) => id)));
    await this.#enqueue([...webhookSubscriptionCheck.missing], 'unposted');
  }

  /** Job handler. @param cause identifies the job across attempts */
  async run(companyId: CompanyId, cause: string): Promise<void> {
    const { companies, syncCursors, events, report, webhookSubscriptionCheck, outbox, now } = this.#deps;
    // First, so that a request from now on enqueues another job (see `#enqueue`).
    const storedCursor = await syncCursors.begin(companyId, cause);
    const company = await companies.byId(companyId);
    if (company?.integrationStatus !== 'active' || company.timeZone === undefined) return;
    await webhookSubscriptionCheck.check(company, cause);
    const startedAt = now();
    const cursor = storedCursor && clampCursor(storedCursor, startedAt);
    const { readCount, messageCount } = await this.#readChanges(company, company.timeZone, cause, cursor);
    await syncCursors.finish(companyId, startedAt);
    report.reconciled(companyId, readCount, messageCount);
    if (messageCount === 0) return;
    const detail = { read: readCount, news: messageCount };
    await events.record({ companyId, type: 'reconciled', cause, detail });
    outbox.wake(companyId);
  }

  async #readChanges(
    company: Company,
    timeZone: string,
    cause: string,
    cursor: Date | undefined,
  ): Promise<Readonly<{ readCount: number; messageCount: number }>> {
    const { yclients, now } = this.#deps;
    const changes =
      cursor === undefined
        ? { startDate: localTimeAt(now(), timeZone).slice(0, 10) }
        : { changedAfter: new Date(cursor.getTime() - overlapMs) };
    let readCount = 0;
    let messageCount = 0;
    for (let page = 1; ; page += 1) {
      const records = await yclients.listRecords(company.salonId, { ...changes, page, count: pageSize });
      for (const data of records)
        if (await this.#applyRecord(company, data, cursor, cause)) messageCount += 1;
      readCount += records.length;
      if (records.length < pageSize) return { readCount, messageCount };
    }
  }

  /** @returns whether a message was queued, which means that a webhook was missed */
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

  /** At most one pending job per company: the id changes when a job starts, and a job reads everything up to its start. */
  async #enqueue(companyIds: readonly CompanyId[], cause: string): Promise<void> {
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

/** A cursor in the future was written by a wrong clock. The error is unknown, so the last day is read again. */
function clampCursor(cursor: Date, now: Date): Date {
  return cursor.getTime() - overlapMs > now.getTime() ? new Date(now.getTime() - dayMs) : cursor;
}

/** A record created since the last successful reading has not been announced to its client. */
function discoveryStatus(
  createdAt: Date | undefined,
  cursor: Date | undefined,
): 'discovered' | 'discovered_new' {
  if (cursor === undefined || createdAt === undefined) return 'discovered';
  return createdAt.getTime() > cursor.getTime() - overlapMs ? 'discovered_new' : 'discovered';
}
