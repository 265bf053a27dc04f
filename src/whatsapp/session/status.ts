import type { SessionState, SessionStatus } from '../../domain/company/session-state.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';

/** No device is linked, and no pairing is running. */
const statesWithoutDevice: ReadonlySet<SessionState> = new Set([
  'idle',
  'qr_expired',
  'passkey_required',
  'logged_out',
]);

export function hasNoDevice(state: SessionState): boolean {
  return statesWithoutDevice.has(state);
}

type StateAndDetail = readonly [SessionState, string | undefined];

/** The state of a parked session: unchanged if it has no device, otherwise the fallback. */
export function stateAtRest(
  { state, detail }: SessionStatus,
  fallbackState: SessionState,
  fallbackDetail: string,
): StateAndDetail {
  return hasNoDevice(state) ? [state, detail] : [fallbackState, fallbackDetail];
}

/** The state after a requested logout. */
export function stateAfterLogout({ state, detail }: SessionStatus): StateAndDetail {
  if (state === 'logged_out') return [state, detail];
  if (state === 'idle' || state === 'pairing' || state === 'qr_expired') return ['idle', undefined];
  return ['logged_out', 'requested'];
}

/** The state after a requested logout whose credentials could not be erased. @param error thrown by the store */
export function stateAfterEraseFailure(status: SessionStatus, error: unknown): StateAndDetail {
  if (error instanceof LeaseLostError) return ['stopped', 'lease_lost'];
  if (status.state === 'pairing') return ['idle', 'store_unavailable'];
  return stateAtRest(status, 'stopped', 'credentials_not_erased');
}

/** Whether the session has had no linked device since before `cutoff`. */
export function isAbandoned({ state, since }: SessionStatus, cutoff: Date): boolean {
  return (state === 'pairing' || hasNoDevice(state)) && since < cutoff;
}

/** The status of one session. Calls back on every change. */
export class SessionStatusTracker {
  readonly #now: () => Date;
  readonly #onChange: (status: SessionStatus) => void;
  #status: SessionStatus;
  #nextChange = Promise.withResolvers<void>();

  constructor(now: () => Date, onChange: (status: SessionStatus) => void) {
    this.#now = now;
    this.#onChange = onChange;
    this.#status = { state: 'idle', since: now() };
  }

  get status(): SessionStatus {
    return this.#status;
  }

  /** The phone stays in the status until another one is linked. */
  set(state: SessionState, detail?: string, phone = this.#status.phone): void {
    if (state === this.#status.state && detail === this.#status.detail) return;
    this.#status = {
      state,
      since: state === this.#status.state ? this.#status.since : this.#now(),
      ...(detail !== undefined && { detail }),
      ...(phone !== undefined && { phone }),
    };
    this.#onChange(this.#status);
    this.#nextChange.resolve();
    this.#nextChange = Promise.withResolvers();
  }

  /** Resolves at the next change, or after the timeout. */
  async waitForChange(timeoutMs: number): Promise<void> {
    await withTimeout(this.#nextChange.promise, timeoutMs);
  }
}
