import { describe, expect, it } from 'vitest';
import type { SessionState } from '../../../../src/domain/company/session-state.ts';
import { effectiveStatus } from '../../../../src/marketplace/installation/session-status.ts';
import { companyId, companyWith } from '../../../support/fixtures/test-companies.ts';

const now = new Date('2026-05-01T12:00:00Z');
const since = new Date('2026-05-01T09:00:00Z');
const unknownHere = { state: 'idle', since: now } as const;

function stored(sessionState: SessionState, sessionCause?: string) {
  const changes = {
    sessionState,
    sessionCause,
    sessionStateSince: since,
    integrationStatus: 'active',
  } as const;
  return companyWith(companyId, changes);
}

describe('the state of a session that this process does not run', () => {
  it.each([
    ['stopped', '411'],
    ['banned', '402/101'],
    ['logged_out', '401'],
    ['conflict', '440'],
  ] as const)('is %s with its cause and since when, also after a restart', (state, cause) => {
    expect(effectiveStatus(stored(state, cause), unknownHere, now)).toEqual({ state, since, detail: cause });
  });

  it.each([
    ['pairing', 'idle'],
    ['connecting', 'idle'],
    ['qr_expired', 'idle'],
    ['connected', 'reconnecting'],
  ] as const)('was %s and is %s now, for no cause that was written down', (state, shown) => {
    expect(effectiveStatus(stored(state, '503'), unknownHere, now)).toEqual({ state: shown, since });
  });

  it('has no cause while it is idle', () => {
    expect(effectiveStatus(stored('idle', '401'), unknownHere, now)).toEqual({ state: 'idle', since });
  });
});

it('the state of a session that this process runs is its own, not the one written down', () => {
  const live = { state: 'reconnecting', since: now, detail: '503' } as const;
  expect(effectiveStatus(stored('stopped', '411'), live, now)).toEqual(live);
});
