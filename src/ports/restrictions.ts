import type {
  ReachoutTimelock,
  ReachoutTimelockSource,
  Restriction,
} from '../domain/notification/restriction.ts';
import type { CompanyId } from '../domain/ids.ts';

export type ReachoutTimelockUpdate = Omit<ReachoutTimelock, 'isActive'> &
  Readonly<{
    /** `silent`: WhatsApp was asked and did not answer. */
    result: 'locked' | 'free' | 'silent';
    source: ReachoutTimelockSource;
  }>;

/** Numbers that WhatsApp lets start no new chats. A refused message begins one until WhatsApp has said why. */
export interface Restrictions {
  /** Writes what WhatsApp says and its event in one transaction. `endsAt` is that of the restriction that lasts, if one does. */
  record(
    companyId: CompanyId,
    update: ReachoutTimelockUpdate,
  ): Promise<Readonly<{ change: 'began' | 'ended' | undefined; endsAt: Date | undefined }>>;
  /** Companies whose WhatsApp should be asked now. @param recheckAfterMs pause after a question that was not answered */
  due(recheckAfterMs: number): Promise<readonly CompanyId[]>;
  /** The one that lasts; undefined also while a refusal has not been explained, and while the number is not linked. */
  current(companyId: CompanyId): Promise<Restriction | undefined>;
  /** Those that last, of linked numbers, latest first. */
  latest(limit: number): Promise<readonly (Restriction & Readonly<{ companyId: CompanyId }>)[]>;
  count(): Promise<number>;
}
