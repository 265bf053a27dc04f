import { integrationStatuses } from '../../domain/company/company.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { SessionStatus } from '../../domain/company/session-state.ts';
import type { RetryingQueue } from '../../lib/async/retrying-queue.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies } from '../../ports/companies.ts';

/** Said of a session that another instance runs: its state is that instance's to tell. */
const ownedElsewhere: ReadonlySet<string | undefined> = new Set(['leased_elsewhere', 'lease_lost']);

/**
 * Writes the states of sessions down, those of one company in the order in which they came. An outage of the database must
 * not undo one: by the number that a connection tells, messages of another number are given up.
 */
export class SessionRecorder {
  readonly #companies: Companies;
  readonly #retryingQueue: Pick<RetryingQueue, 'run'>;
  readonly #report: BusinessEvents;

  constructor(companies: Companies, retryingQueue: Pick<RetryingQueue, 'run'>, report: BusinessEvents) {
    this.#companies = companies;
    this.#retryingQueue = retryingQueue;
    this.#report = report;
  }

  record(companyId: CompanyId, { state, detail, phone }: SessionStatus): void {
    this.#report.sessionChanged(companyId, state, detail);
    if (ownedElsewhere.has(detail)) return;
    const session = {
      state,
      ...(detail !== undefined && { cause: detail }),
      // Before that it may still be the number that was linked last.
      ...(state === 'connected' && phone !== undefined && { phone }),
    };
    this.#retryingQueue.run(String(companyId), async () => {
      await this.#companies.recordSession(companyId, session);
    });
  }

  /**
   * A session that was up when the process ended and is not being restored has lost its credentials in between: the process
   * erased them and ended before it could say so.
   */
  async recordLostSessions(hasSession: (companyId: CompanyId) => boolean, now: Date): Promise<void> {
    for (const { id, sessionState } of await this.#companies.withStatus(integrationStatuses)) {
      const wasUp = sessionState === 'connected' || sessionState === 'reconnecting';
      if (wasUp && !hasSession(id))
        this.record(id, { state: 'logged_out', since: now, detail: 'no_credentials' });
    }
  }
}
