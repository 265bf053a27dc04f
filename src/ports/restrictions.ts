import type { CompanyId } from '../domain/ids.ts';
import type {
  ReachoutTimelock,
  ReachoutTimelockSource,
  Restriction,
} from '../domain/notification/restriction.ts';

export type ReachoutTimelockUpdate = Omit<ReachoutTimelock, 'isActive'> &
  Readonly<{
    /** `silent`: WhatsApp did not answer the query. */
    result: 'locked' | 'free' | 'silent';
    source: ReachoutTimelockSource;
  }>;

/** Reachout timelocks: WhatsApp refuses new chats of the number. A refused message starts one until it is confirmed. */
export interface Restrictions {
  /** Writes the update and its event in one transaction. @returns the change, and the end of the active restriction */
  record(
    companyId: CompanyId,
    update: ReachoutTimelockUpdate,
  ): Promise<Readonly<{ change: 'began' | 'ended' | undefined; endsAt: Date | undefined }>>;
  /** Companies whose timelock should be queried now. @param recheckAfterMs pause after an unanswered query */
  due(recheckAfterMs: number): Promise<readonly CompanyId[]>;
  /** The active, confirmed restriction; undefined while the number is not linked. */
  current(companyId: CompanyId): Promise<Restriction | undefined>;
  /** Active restrictions of linked numbers, latest first. */
  latest(limit: number): Promise<readonly (Restriction & Readonly<{ companyId: CompanyId }>)[]>;
  /** Number of active restrictions. */
  count(): Promise<number>;
}
