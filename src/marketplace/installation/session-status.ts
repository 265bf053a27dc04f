import type { Company } from '../../domain/company/company.ts';
import type { SessionState, SessionStatus } from '../../domain/company/session-state.ts';

/** States that end with the process: shown as these when no session of this process exists. */
const stateWithoutSession: Readonly<Partial<Record<SessionState, SessionState>>> = {
  pairing: 'idle',
  connecting: 'idle',
  qr_expired: 'idle',
  connected: 'reconnecting',
};

/**
 * The session state shown to users.
 * @param live state in this process; `idle` means no session here, so that the stored state counts
 */
export function effectiveStatus(company: Company, live: SessionStatus, now: Date): SessionStatus {
  const { whatsappPhone, integrationStatus } = company;
  const status = live.state === 'idle' ? storedStatus(company) : live;
  // The logout belongs to the previous installation.
  if (status.state === 'logged_out' && integrationStatus === 'pending_whatsapp')
    return { state: 'idle', since: now };
  // An unlinked session may still have the number of the previous owner.
  const phone = live.state === 'connected' ? live.phone : whatsappPhone;
  const { state, detail } = status;
  return {
    state,
    since: status.since,
    ...(detail !== undefined && { detail }),
    ...(phone !== undefined && { phone }),
  };
}

function storedStatus({ sessionState, sessionStateSince: since, sessionCause }: Company): SessionStatus {
  const remaining = stateWithoutSession[sessionState];
  if (remaining !== undefined) return { state: remaining, since };
  const hasCause = sessionCause !== undefined && sessionState !== 'idle';
  return { state: sessionState, since, ...(hasCause && { detail: sessionCause }) };
}
