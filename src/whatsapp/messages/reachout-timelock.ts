import type { ConnectionState, WASocket } from '@whiskeysockets/baileys';
import type { TimeLock, TimeLockSource } from '../../domain/notification/restriction.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';

type LockState = NonNullable<ConnectionState['reachoutTimeLock']>;
type LockedSocket = Pick<WASocket, 'ev' | 'fetchAccountReachoutTimelock'>;

/**
 * Whether accounts may start chats. Baileys tells of a lock when WhatsApp does, and does not ask by itself after a refusal:
 * its code for that is never reached.
 */
export class TimeLocks {
  readonly #answerTimeoutMs: number;
  readonly #answers = new WeakMap<LockState, 'in time' | 'late'>();

  constructor(answerTimeoutMs: number) {
    this.#answerTimeoutMs = answerTimeoutMs;
  }

  /**
   * Reports what WhatsApp says unasked, and answers that nobody waits for any more. Baileys tells answers by the same event, just
   * before who asked has the same object: one that came in time is theirs alone.
   */
  watch(sock: LockedSocket, report: (lock: TimeLock, source: TimeLockSource) => void): void {
    sock.ev.on('connection.update', ({ reachoutTimeLock: state }) => {
      if (state === undefined) return;
      setImmediate(() => {
        const answer = this.#answers.get(state);
        if (answer !== 'in time') report(timeLockFrom(state), answer === 'late' ? 'asked' : 'announced');
      });
    });
  }

  /** Undefined: no answer, which says nothing of the lock. */
  async ask(sock: LockedSocket): Promise<TimeLock | undefined> {
    let isLate = false;
    const answered = sock.fetchAccountReachoutTimelock().then((state) => {
      this.#answers.set(state, isLate ? 'late' : 'in time');
      return timeLockFrom(state);
    });
    const lock = await withTimeout(answered, this.#answerTimeoutMs).catch(() => undefined);
    isLate = true;
    return lock;
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
