import { integrationStatuses } from '../domain/company.ts';
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
      // Before that it may still be the number that was linked last.
      ...(state === 'connected' && phone !== undefined && { phone }),
    };
    await this.#perCompany.run(companyId, async () => {
      await this.#companies.recordSession(companyId, session);
    });
  }

  /**
   * A session that was up when the process ended and is not being restored has lost its credentials in between: the process
   * erased them and ended before it could say so.
   */
  async recordLost(isKnown: (companyId: CompanyId) => boolean, now: Date): Promise<void> {
    for (const { id, sessionState } of await this.#companies.withStatus(integrationStatuses)) {
      const wasUp = sessionState === 'connected' || sessionState === 'reconnecting';
      if (wasUp && !isKnown(id))
        await this.record(id, { state: 'logged_out', since: now, detail: 'no_credentials' });
    }
  }

  /** Resolves when everything that was said is written. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#perCompany.settled();
  }
}
