import type { Company } from '../../domain/company/company.ts';
import type { SessionState, SessionStatus } from '../../domain/company/session-state.ts';

/** What is left of a state when no session of this process has it: what was pairing when the process ended pairs no more. */
const stateWithoutSession: Readonly<Partial<Record<SessionState, SessionState>>> = {
  pairing: 'idle',
  connecting: 'idle',
  qr_expired: 'idle',
  connected: 'reconnecting',
};

/**
 * The state of a company's session as people are shown it.
 * @param live as this process sees it; `idle` when it has none and the database knows better
 */
export function effectiveStatus(company: Company, live: SessionStatus, now: Date): SessionStatus {
  const { whatsappPhone, integrationStatus } = company;
  const status = live.state === 'idle' ? storedStatus(company) : live;
  // Logged out of an installation that is over: the new one starts afresh.
  if (status.state === 'logged_out' && integrationStatus === 'pending_whatsapp')
    return { state: 'idle', since: now };
  // A session that is not linked yet may still know the number of the last owner.
  const phone = live.state === 'connected' ? live.phone : whatsappPhone;
  const { state, detail } = status;
  return {
    state,
    since: status.since,
    ...(detail !== undefined && { detail }),
    ...(phone !== undefined && { phone }),
  };
}

/** The cause belongs to the state as it was written down, not to what is left of it. */
function storedStatus({ sessionState, sessionStateSince: since, sessionCause }: Company): SessionStatus {
  const remaining = stateWithoutSession[sessionState];
  if (remaining !== undefined) return { state: remaining, since };
  const hasCause = sessionCause !== undefined && sessionState !== 'idle';
  return { state: sessionState, since, ...(hasCause && { detail: sessionCause }) };
}
