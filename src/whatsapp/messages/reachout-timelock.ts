import type { ConnectionState, WASocket } from '@whiskeysockets/baileys';
import type { ReachoutTimelock, ReachoutTimelockSource } from '../../domain/notification/restriction.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';

type ReachoutTimelockState = NonNullable<ConnectionState['reachoutTimeLock']>;
type TimelockSocket = Pick<WASocket, 'ev' | 'fetchAccountReachoutTimelock'>;

/**
 * Whether accounts may start chats. Baileys tells of a lock when WhatsApp does, and does not ask by itself after a refusal:
 * its code for that is never reached.
 */
export class ReachoutTimelocks {
  readonly #queryTimeoutMs: number;
  readonly #queryResults = new WeakMap<ReachoutTimelockState, 'on_time' | 'late'>();

  constructor(queryTimeoutMs: number) {
    this.#queryTimeoutMs = queryTimeoutMs;
  }

  /**
   * Reports what WhatsApp says unasked, and answers that nobody waits for any more. Baileys tells answers by the same event, just
   * before who asked has the same object: one that came in time is theirs alone.
   */
  watch(
    sock: TimelockSocket,
    report: (lock: ReachoutTimelock, source: ReachoutTimelockSource) => void,
  ): void {
    sock.ev.on('connection.update', ({ reachoutTimeLock: state }) => {
      if (state === undefined) return;
      setImmediate(() => {
        const queryResult = this.#queryResults.get(state);
        if (queryResult !== 'on_time')
          report(parseTimelock(state), queryResult === 'late' ? 'asked' : 'announced');
      });
    });
  }

  /** Undefined: no answer, which says nothing of the lock. */
  async query(sock: TimelockSocket): Promise<ReachoutTimelock | undefined> {
    let isLate = false;
    const response = sock.fetchAccountReachoutTimelock().then((state) => {
      this.#queryResults.set(state, isLate ? 'late' : 'on_time');
      return parseTimelock(state);
    });
    const lock = await withTimeout(response, this.#queryTimeoutMs).catch(() => undefined);
    isLate = true;
    return lock;
  }
}

/** The kind is kept only where it looks like one of WhatsApp's words: it is shown and stored. */
export function parseTimelock({
  isActive,
  timeEnforcementEnds,
  enforcementType,
}: ReachoutTimelockState): ReachoutTimelock {
  const endsAt = Number.isFinite(timeEnforcementEnds?.getTime()) ? timeEnforcementEnds : undefined;
  const kind = /^[A-Z_]{1,64}$/.test(enforcementType ?? '') ? enforcementType : undefined;
  return {
    isActive: isActive === true,
    ...(isActive === true && endsAt !== undefined && { endsAt }),
    ...(isActive === true && kind !== undefined && { kind }),
  };
}
