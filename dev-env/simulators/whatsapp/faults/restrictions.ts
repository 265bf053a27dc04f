import type { BinaryNode } from '@whiskeysockets/baileys';
import type { Account } from '../directory.ts';
import { stanza } from '../stanzas/nodes.ts';

/**
 * How long an account may start no new chats, to the second. Among the types are WEB_COMPANION_ONLY, which Baileys knows, and
 * RESTRICT_ALL_COMPANIONS, which it does not and turns into DEFAULT when it is announced.
 */
export type ReachoutTimelock = Readonly<{ endsAt: Date; enforcementType: string }>;

/**
 * Accounts whose messages that start a new chat are refused with 463. Some have a lock with an end time;
 * others are refused while the service says that they have none (https://github.com/devlikeapro/waha/issues/2219).
 */
export class Restrictions {
  readonly #locks = new Map<string, ReachoutTimelock | null>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  set(number: string, lock: ReachoutTimelock | null): void {
    this.#locks.set(number, lock);
  }

  lift(number: string): void {
    this.#locks.delete(number);
  }

  forbids(from: Account, to: Account): boolean {
    return this.#current(from.number) !== undefined && !from.hasReceivedFrom(to);
  }

  /** Response to a query for the lock. */
  describe(number: string): unknown {
    const lock = this.#current(number);
    if (lock === null) return null;
    return {
      is_active: lock !== undefined,
      time_enforcement_ends: lock === undefined ? '0' : String(Math.floor(lock.endsAt.getTime() / 1000)),
      enforcement_type: lock?.enforcementType ?? 'DEFAULT',
    };
  }

  /** Notification of a change of the lock, as Baileys' `handleMexNotification` parses it. */
  notification(number: string): BinaryNode {
    const data = { xwa2_notify_account_reachout_timelock: this.describe(number) };
    const update = { op_name: 'NotificationUserReachoutTimelockUpdate' };
    return stanza('update', update, Buffer.from(JSON.stringify({ data })));
  }

  /** Null for a restriction without a lock; undefined when there is none or when it has ended. */
  #current(number: string): ReachoutTimelock | null | undefined {
    const lock = this.#locks.get(number);
    return lock && lock.endsAt.getTime() <= this.#now() ? undefined : lock;
  }
}
