import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { SessionState, SessionStatus } from '../../domain/company/session-state.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';

/** States in which no device is linked, and none is being linked. */
const withoutDevice: ReadonlySet<SessionState> = new Set([
  'idle',
  'qr_expired',
  'passkey_required',
  'logged_out',
]);

export function hasNoDevice(state: SessionState): boolean {
  return withoutDevice.has(state);
}

type Words = readonly [SessionState, string | undefined];

/** What a session says when it comes to rest: what it said, if it has no device, else this. */
export function wordsAtRest({ state, detail }: SessionStatus, otherwise: SessionState, why: string): Words {
  return hasNoDevice(state) ? [state, detail] : [otherwise, why];
}

/** The same after a logout that was asked for. */
export function wordsLoggedOut({ state, detail }: SessionStatus): Words {
  if (state === 'logged_out') return [state, detail];
  if (state === 'idle' || state === 'pairing' || state === 'qr_expired') return ['idle', undefined];
  return ['logged_out', 'requested'];
}

/** The same when its credentials are still there after all. @param error why they are */
export function wordsUnerased(status: SessionStatus, error: unknown): Words {
  if (error instanceof LeaseLostError) return ['stopped', 'lease_lost'];
  if (status.state === 'pairing') return ['idle', 'store_unavailable'];
  return wordsAtRest(status, 'stopped', 'credentials_not_erased');
}

/** Whether a session that no phone has linked has been like that since before this moment. */
export function isAbandoned({ state, since }: SessionStatus, before: Date): boolean {
  return (state === 'pairing' || hasNoDevice(state)) && since < before;
}

/** The status of one session; tells of every change. */
export class StatusBoard {
  readonly #now: () => Date;
  readonly #changed: (status: SessionStatus) => void;
  #status: SessionStatus;
  #nextChange = Promise.withResolvers<void>();

  constructor(now: () => Date, changed: (status: SessionStatus) => void) {
    this.#now = now;
    this.#changed = changed;
    this.#status = { state: 'idle', since: now() };
  }

  get status(): SessionStatus {
    return this.#status;
  }

  /** The number stays known until another one is linked. */
  set(state: SessionState, detail?: string, phone = this.#status.phone): void {
    if (state === this.#status.state && detail === this.#status.detail) return;
    this.#status = {
      state,
      since: state === this.#status.state ? this.#status.since : this.#now(),
      ...(detail !== undefined && { detail }),
      ...(phone !== undefined && { phone }),
    };
    this.#changed(this.#status);
    this.#nextChange.resolve();
    this.#nextChange = Promise.withResolvers();
  }

  /** Resolves with the next change, or after the time. */
  async change(timeoutMs: number): Promise<void> {
    await withTimeout(this.#nextChange.promise, timeoutMs);
  }
}
