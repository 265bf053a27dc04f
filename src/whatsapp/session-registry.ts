import type { CompanyId } from '../domain/ids.ts';
import type { SessionState, SessionStatus } from '../domain/company/session-state.ts';
import { hasNoDevice } from './session/status.ts';
import type { Session } from './session/session.ts';

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
