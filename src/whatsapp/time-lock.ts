import type { ConnectionState, WASocket } from '@whiskeysockets/baileys';
import type { TimeLock } from '../domain/restriction.ts';
import { withTimeout } from '../lib/with-timeout.ts';

type LockState = NonNullable<ConnectionState['reachoutTimeLock']>;
type LockedSocket = Pick<WASocket, 'ev' | 'fetchAccountReachoutTimelock'>;

/**
 * Whether accounts may start chats. Baileys tells of a lock when WhatsApp does, and does not ask by itself after a refusal:
 * its code for that is never reached.
 */
export class TimeLocks {
  readonly #answerTimeoutMs: number;
  readonly #asking = new WeakSet<LockedSocket>();

  constructor(answerTimeoutMs: number) {
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  /** Reports what WhatsApp says unasked. Baileys tells its answers by the same event: those go to who asked. */
  watch(sock: LockedSocket, report: (lock: TimeLock) => void): void {
    sock.ev.on('connection.update', ({ reachoutTimeLock }) => {
      if (reachoutTimeLock !== undefined && !this.#asking.has(sock)) report(timeLockFrom(reachoutTimeLock));
    });
  }

  /** Undefined: no answer, which says nothing of the lock. */
  async ask(sock: LockedSocket): Promise<TimeLock | undefined> {
    return withTimeout(this.#fetch(sock), this.#answerTimeoutMs).catch(() => undefined);
  }

  async #fetch(sock: LockedSocket): Promise<TimeLock> {
    this.#asking.add(sock);
    try {
      return timeLockFrom(await sock.fetchAccountReachoutTimelock());
    } finally {
      this.#asking.delete(sock);
    }
  }
}

/** The kind is kept only where it looks like one of WhatsApp's words: it is shown and stored. */
export function timeLockFrom({ isActive, timeEnforcementEnds, enforcementType }: LockState): TimeLock {
  const endsAt = Number.isFinite(timeEnforcementEnds?.getTime()) ? timeEnforcementEnds : undefined;
  const kind = /^[A-Z_]{1,64}$/.test(enforcementType ?? '') ? enforcementType : undefined;
  return {
    isActive: isActive === true,
    ...(isActive === true && endsAt !== undefined && { endsAt }),
    ...(isActive === true && kind !== undefined && { kind }),
  };
}
