import type { SessionState, SessionStatus } from '../domain/company/session-state.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import type { Logger } from '../observability/logger.ts';
import type { Session } from './session/session.ts';
import { hasNoDevice, isAbandoned } from './session/status.ts';

/** A restart with hundreds of sessions must not starve the event loop; the reconnect rate limiter paces their logins. */
const maxConcurrentRestores = 5;

export type SessionRegistryDeps = Readonly<{
  createSession: (companyId: CompanyId) => Session;
  /** Shared with the sessions, which run their own operations in it. */
  mutex: KeyedMutex<CompanyId>;
  logger: Logger;
}>;

/** The sessions of all companies. Operations on one company's session run one after another. */
export class SessionRegistry {
  readonly #deps: SessionRegistryDeps;
  readonly #sessions = new Map<CompanyId, Session>();

  constructor(deps: SessionRegistryDeps) {
    this.#deps = deps;
  }

  /** All sessions in memory, those without a socket included. */
  get all(): ReadonlyMap<CompanyId, Session> {
    return this.#sessions;
  }

  get(companyId: CompanyId): Session | undefined {
    return this.#sessions.get(companyId);
  }

  getOrCreate(companyId: CompanyId): Session {
    const existing = this.#sessions.get(companyId);
    if (existing !== undefined) return existing;
    const session = this.#deps.createSession(companyId);
    this.#sessions.set(companyId, session);
    return session;
  }

  async runExclusive(companyId: CompanyId, operation: () => Promise<void>): Promise<void> {
    await this.#deps.mutex.run(companyId, operation);
  }

  /** Sessions that are linked or pairing, and not stopped. */
  active(): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[] {
    return [...this.#sessions]
      .map(([companyId, { status }]) => ({ companyId, status }))
      .filter(({ status: { state } }) => state !== 'stopped' && !hasNoDevice(state));
  }

  countByState(): Partial<Record<SessionState, number>> {
    const counts: Partial<Record<SessionState, number>> = {};
    for (const { status } of this.#sessions.values()) counts[status.state] = (counts[status.state] ?? 0) + 1;
    return counts;
  }

  /**
   * Restores a few sessions at a time, each until it leaves `connecting`.
   * @param slotTimeoutMs how long one session may occupy its slot
   */
  async restoreAll(
    companies: readonly CompanyId[],
    { signal, slotTimeoutMs }: Readonly<{ signal: AbortSignal; slotTimeoutMs: number }>,
  ): Promise<void> {
    const pending = companies.values();
    const worker = async (): Promise<void> => {
      for (const companyId of pending) {
        if (signal.aborted) return;
        await this.runExclusive(companyId, () => this.getOrCreate(companyId).restore());
        await this.getOrCreate(companyId).waitWhileConnecting(slotTimeoutMs);
      }
    };
    await Promise.all(Array.from({ length: maxConcurrentRestores }, worker));
  }

  /** Ends and removes sessions without a linked device since before `cutoff`. A failed one stays until the next call. */
  async evictUnlinked(cutoff: Date): Promise<void> {
    const isExpired = ([companyId, session]: [CompanyId, Session]): boolean =>
      this.#sessions.get(companyId) === session && isAbandoned(session.status, cutoff);
    const evict = async (entry: [CompanyId, Session]): Promise<void> => {
      const [companyId, session] = entry;
      try {
        await this.runExclusive(companyId, async () => {
          if (!isExpired(entry)) return;
          await session.abandon();
          this.#sessions.delete(companyId);
        });
      } catch (error) {
        this.#deps.logger.error('Unlinked WhatsApp session eviction failed', { companyId, error });
      }
    };
    await Promise.all([...this.#sessions].filter(isExpired).map(evict));
  }

  async stopAll(): Promise<void> {
    await Promise.all(
      [...this.#sessions].map(([companyId, session]) => this.runExclusive(companyId, () => session.stop())),
    );
  }
}
