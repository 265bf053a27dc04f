import { integrationStatuses } from '../../domain/company/company.ts';
import type { SessionStatus } from '../../domain/company/session-state.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { RetryingQueue } from '../../lib/async/retrying-queue.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Companies } from '../../ports/companies.ts';

export type SessionRecorderDeps = Readonly<{
  companies: Pick<Companies, 'recordSession' | 'withStatus'>;
  /** Writes session states, also through a database outage. */
  sessionStateQueue: Pick<RetryingQueue, 'run'>;
  report: BusinessEvents;
}>;

/** Owned by another instance, which records the state itself. */
const ownedElsewhere: ReadonlySet<string | undefined> = new Set(['leased_elsewhere', 'lease_lost']);

/**
 * Records session states in order per company, retrying through database outages: the stored phone number decides which
 * messages are still valid.
 */
export class SessionRecorder {
  readonly #deps: SessionRecorderDeps;

  constructor(deps: SessionRecorderDeps) {
    this.#deps = deps;
  }

  record(companyId: CompanyId, { state, detail, phone }: SessionStatus): void {
    const { companies, sessionStateQueue, report } = this.#deps;
    report.sessionChanged(companyId, state, detail);
    if (ownedElsewhere.has(detail)) return;
    const session = {
      state,
      ...(detail !== undefined && { cause: detail }),
      // In other states it may be the number linked before.
      ...(state === 'connected' && phone !== undefined && { phone }),
    };
    sessionStateQueue.run(String(companyId), async () => {
      await companies.recordSession(companyId, session);
    });
  }

  /**
   * Records `logged_out` for sessions that were up but are not being restored: the process erased their credentials and exited
   * before it recorded the state.
   */
  async recordLostSessions(hasSession: (companyId: CompanyId) => boolean, now: Date): Promise<void> {
    for (const { id, sessionState } of await this.#deps.companies.withStatus(integrationStatuses)) {
      const wasUp = sessionState === 'connected' || sessionState === 'reconnecting';
      if (wasUp && !hasSession(id))
        this.record(id, { state: 'logged_out', since: now, detail: 'no_credentials' });
    }
  }
}
