import { localTimeAt } from '../../domain/company/salon-time.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { Outbox } from '../../messaging/outbox.ts';
import type { Bookings } from '../../ports/bookings.ts';
import type { Companies } from '../../ports/companies.ts';
import type { JobQueue } from '../../ports/job-queue.ts';
import type { BookingSync } from './booking-sync.ts';

export type ReplannerDeps = Readonly<{
  companies: Pick<Companies, 'byId'>;
  bookings: Pick<Bookings, 'upcoming'>;
  bookingSync: Pick<BookingSync, 'replan'>;
  queue: Pick<JobQueue, 'insert'>;
  outbox: Pick<Outbox, 'wake'>;
  now: () => Date;
}>;

const pageSize = 100;

/**
 * Recomputes the messages of upcoming bookings and all queued ones, after a change of the settings or of a client's opt-out.
 * A durable, idempotent job.
 */
export class Replanner {
  readonly #deps: ReplannerDeps;

  constructor(deps: ReplannerDeps) {
    this.#deps = deps;
  }

  /** @param phone limits the job to the bookings of this client */
  async request(companyId: CompanyId, phone?: string): Promise<void> {
    const data = { companyId, ...(phone !== undefined && { phone }) };
    await this.#deps.queue.insert('replanning', [{ key: String(companyId), data }]);
  }

  /** Job handler. */
  async run(companyId: CompanyId, cause: string, phone?: string): Promise<void> {
    const { companies, bookings, bookingSync, outbox, now } = this.#deps;
    const company = await companies.byId(companyId);
    if (company?.timeZone === undefined || company.integrationStatus === 'uninstalled') return;
    const from = localTimeAt(now(), company.timeZone);
    let afterRecordId = 0;
    let page: readonly number[];
    do {
      page = await bookings.upcoming(companyId, {
        from,
        afterRecordId,
        limit: pageSize,
        ...(phone !== undefined && { phone }),
      });
      for (const recordId of page) await bookingSync.replan(company, recordId, cause);
      afterRecordId = page.at(-1) ?? afterRecordId;
    } while (page.length === pageSize);
    outbox.wake(companyId);
  }
}
