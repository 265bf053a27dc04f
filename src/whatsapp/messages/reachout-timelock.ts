import type { ConnectionState, WASocket } from '@whiskeysockets/baileys';
import type { ReachoutTimelock, ReachoutTimelockSource } from '../../domain/notification/restriction.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';

type ReachoutTimelockState = NonNullable<ConnectionState['reachoutTimeLock']>;
type TimelockSocket = Pick<WASocket, 'ev' | 'fetchAccountReachoutTimelock'>;

/**
 * Reads whether WhatsApp allows accounts to start new chats. Baileys reports announced locks, but never queries the lock after
 * a rejected message: its code for that is unreachable.
 */
export class ReachoutTimelocks {
  readonly #queryTimeoutMs: number;
  readonly #queryResults = new WeakMap<ReachoutTimelockState, 'on_time' | 'late'>();

  constructor(queryTimeoutMs: number) {
    this.#queryTimeoutMs = queryTimeoutMs;
  }

  /**
   * Reports announced locks and late query results. Baileys also emits query results as `connection.update`, with the object
   * that it returns afterwards; a result in time goes to the caller of `query` only.
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

  /** Undefined when WhatsApp did not answer in time; the lock is then unknown. */
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

/** Drops an `enforcementType` of unexpected form, because the kind is stored and displayed. */
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
