import type { CompanyId } from '../domain/ids.ts';
import type { SessionStatus } from '../domain/session-state.ts';
import { KeyedQueue } from '../lib/keyed-queue.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Companies } from './ports.ts';

/** Said of a session that another instance runs: its state is that instance's to tell. */
const othersBusiness: ReadonlySet<string | undefined> = new Set(['leased_elsewhere', 'lease_lost']);

/** Writes the states of sessions down, those of one company in the order in which they came. */
export class SessionRecorder implements AsyncDisposable {
  readonly #companies: Companies;
  readonly #report: BusinessEvents;
  readonly #perCompany = new KeyedQueue<CompanyId>();

  constructor(companies: Companies, report: BusinessEvents) {
    this.#companies = companies;
    this.#report = report;
  }

  async record(companyId: CompanyId, { state, detail, phone }: SessionStatus): Promise<void> {
    this.#report.sessionChanged(companyId, state, detail);
    if (othersBusiness.has(detail)) return;
    const session = {
      state,
      ...(detail !== undefined && { cause: detail }),
      ...(phone !== undefined && { phone }),
    };
    await this.#perCompany.run(companyId, async () => {
      await this.#companies.recordSession(companyId, session);
    });
  }

  /** Resolves when everything that was said is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#perCompany.settled();
  }
}
