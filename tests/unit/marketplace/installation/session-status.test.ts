import { describe, expect, it } from 'vitest';
import type { SessionState } from '../../../../src/domain/company/session-state.ts';
import { effectiveStatus } from '../../../../src/marketplace/installation/session-status.ts';
import { companyId, companyWith } from '../../../support/fixtures/test-companies.ts';

const now = new Date('2026-05-01T12:00:00Z');
const since = new Date('2026-05-01T09:00:00Z');
const noSession = { state: 'idle', since: now } as const;

function stored(sessionState: SessionState, sessionCause?: string) {
  const changes = {
    sessionState,
    sessionCause,
    sessionStateSince: since,
    integrationStatus: 'active',
  } as const;
  return companyWith(companyId, changes);
}

describe('effectiveStatus without a session in this process', () => {
  it.each([
    ['stopped', '411'],
    ['banned', '402/101'],
    ['logged_out', '401'],
    ['conflict', '440'],
  ] as const)('shows the stored state %s with its cause', (state, cause) => {
    expect(effectiveStatus(stored(state, cause), noSession, now)).toEqual({ state, since, detail: cause });
  });

  it.each([
    ['pairing', 'idle'],
    ['connecting', 'idle'],
    ['qr_expired', 'idle'],
    ['connected', 'reconnecting'],
  ] as const)('shows a stored %s as %s, without its cause', (state, shown) => {
    expect(effectiveStatus(stored(state, '503'), noSession, now)).toEqual({ state: shown, since });
  });

  it('shows no cause for idle', () => {
    expect(effectiveStatus(stored('idle', '401'), noSession, now)).toEqual({ state: 'idle', since });
  });
});

it('effectiveStatus prefers the state of a session in this process', () => {
  const live = { state: 'reconnecting', since: now, detail: '503' } as const;
  expect(effectiveStatus(stored('stopped', '411'), live, now)).toEqual(live);
});
