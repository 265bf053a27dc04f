import type { CompanyId } from '../domain/ids.ts';
import type { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import type { Logger } from '../observability/logger.ts';
import { isAbandoned } from './session/status.ts';
import type { Session } from './session/session.ts';

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
      logger.error('An unlinked WhatsApp session was not forgotten', { companyId, error });
    }
  };
  await Promise.all([...sessions].filter(isExpired).map(evict));
}
