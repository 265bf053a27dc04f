import type { CompanyId } from '../../domain/ids.ts';
import { localTimeAt } from '../../domain/company/salon-time.ts';
import type { BookingSync } from './booking-sync.ts';
import type { Bookings } from '../../ports/bookings.ts';
import type { Companies } from '../../ports/companies.ts';
import type { JobQueue } from '../../ports/job-queue.ts';

export type ReplannerDeps = Readonly<{
  companies: Pick<Companies, 'byId'>;
  bookings: Pick<Bookings, 'upcoming'>;
  bookingSync: Pick<BookingSync, 'replan'>;
  queue: Pick<JobQueue, 'insert'>;
  wakeOutbox: (companyId: CompanyId) => void;
  now: () => Date;
}>;

const pageSize = 100;

/**
 * Plans the messages of upcoming visits, and what waits of others, anew when the rules have changed: a durable job, safe to
 * run twice.
 */
export class Replanner {
  readonly #deps: ReplannerDeps;

  constructor(deps: ReplannerDeps) {
    this.#deps = deps;
  }

  /** @param phone only the visits of this client */
  async request(companyId: CompanyId, phone?: string): Promise<void> {
    const data = { companyId, ...(phone !== undefined && { phone }) };
    await this.#deps.queue.insert('replanning', [{ key: String(companyId), data }]);
  }

  /** The job. */
  async run(companyId: CompanyId, cause: string, phone?: string): Promise<void> {
    const { companies, bookings, bookingSync, wakeOutbox, now } = this.#deps;
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
    wakeOutbox(companyId);
  }
}
