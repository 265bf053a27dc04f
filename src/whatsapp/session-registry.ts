import type { CompanyId } from '../domain/ids.ts';
import type { SessionState, SessionStatus } from '../domain/company/session-state.ts';
import { hasNoDevice, isAbandoned } from './session/status.ts';
import type { Session } from './session/session.ts';
import type { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import type { Logger } from '../observability/logger.ts';

type Sessions<Key extends keyof Session> = ReadonlyMap<CompanyId, Pick<Session, Key>>;

/** Those that are linked or being linked, and at work. */
export function activeSessions(
  sessions: Sessions<'status'>,
): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[] {
  return [...sessions]
    .map(([companyId, { status }]) => ({ companyId, status }))
    .filter(({ status: { state } }) => state !== 'stopped' && !hasNoDevice(state));
}

/** How many are in each state, those that rest included. */
export function countSessionsByState(sessions: Sessions<'status'>): Partial<Record<SessionState, number>> {
  const counts: Partial<Record<SessionState, number>> = {};
  for (const { status } of sessions.values()) counts[status.state] = (counts[status.state] ?? 0) + 1;
  return counts;
}

type EvictionOptions = Readonly<{
  sessions: Map<CompanyId, Session>;
  operations: KeyedMutex<CompanyId>;
  /** Those that have been without a device since before this moment. */
  cutoff: Date;
  logger: Logger;
}>;

/** Ends the sessions that no phone has linked for long, and drops them. One that cannot be ended waits for the next time. */
export async function evictUnlinkedSessions({
  sessions,
  operations,
  cutoff,
  logger,
}: EvictionOptions): Promise<void> {
  const isExpired = ([companyId, session]: [CompanyId, Session]): boolean =>
    sessions.get(companyId) === session && isAbandoned(session.status, cutoff);
  const evict = async (entry: [CompanyId, Session]): Promise<void> => {
    const [companyId, session] = entry;
    try {
      await operations.run(companyId, async () => {
        if (!isExpired(entry)) return;
        await session.abandon();
        sessions.delete(companyId);
      });
    } catch (error) {
      logger.error('Unlinked WhatsApp session eviction failed', { companyId, error });
    }
  };
  await Promise.all([...sessions].filter(isExpired).map(evict));
}

const maxConcurrentRestores = 5;

/**
 * Restores a few sessions at a time, so that a restart with hundreds of them does not starve the event loop. How fast they
 * follow each other is up to the budget that each of them takes its turn from.
 */
export async function restoreAll(
  options: Readonly<{
    companies: readonly CompanyId[];
    signal: AbortSignal;
    restore: (companyId: CompanyId) => Promise<void>;
  }>,
): Promise<void> {
  const { companies, signal, restore } = options;
  const queue = companies.values();
  const worker = async (): Promise<void> => {
    for (const companyId of queue) {
      if (signal.aborted) return;
      await restore(companyId);
    }
  };
  await Promise.all(Array.from({ length: maxConcurrentRestores }, worker));
}
