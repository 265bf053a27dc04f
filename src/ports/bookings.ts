import type { BookingState } from '../domain/booking/booking.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { MessageKind, NewMessage } from '../domain/notification/message.ts';
import type { MarketplaceEvent } from './events.ts';

/** Up to when the YCLIENTS records of each company have been read. */
export interface SyncCursors {
  /**
   * Starts a run. Changes after this moment belong to the next run.
   * @param job job id, the same at each attempt
   * @returns the cursor that the last finished run stored; undefined if none has finished
   */
  begin(companyId: CompanyId, job: string): Promise<Date | undefined>;
  /** Stores the cursor. @param until all changes before this moment have been read */
  finish(companyId: CompanyId, until: Date): Promise<void>;
  /** Runs started so far, per company. */
  runCounts(companyIds: readonly CompanyId[]): Promise<ReadonlyMap<CompanyId, number>>;
}

/** @property version increases with every change; the optimistic lock of `Bookings.apply` */
export type StoredBooking = BookingState & Readonly<{ version: number }>;

export type QueuedMessage = Readonly<{ id: string; kind: MessageKind }>;

export interface Bookings {
  /** @returns undefined if no webhook or reconciliation has stored the record */
  find(companyId: CompanyId, recordId: number): Promise<StoredBooking | undefined>;
  /**
   * Writes the booking, its message plan and its event in one transaction if the stored version equals `expectedVersion`
   * (0: not stored yet). Queued messages of the record that are missing from the plan become `withdrawn`; the others keep
   * their place. A client who opted out receives cancellations only.
   * @returns `stale` if the booking changed or one of its messages was sent since it was read: read it again
   */
  apply(
    companyId: CompanyId,
    change: Readonly<{
      expectedVersion: number;
      state: BookingState;
      plan: readonly NewMessage[];
      event: MarketplaceEvent;
    }>,
  ): Promise<'stale' | Readonly<{ queued: readonly QueuedMessage[] }>>;
  /**
   * Ids of records, ascending: visits that end after `from` (salon local time) and are not cancelled, and records with a
   * queued message.
   */
  upcoming(
    companyId: CompanyId,
    page: Readonly<{ from: string; afterRecordId: number; limit: number; phone?: string }>,
  ): Promise<readonly number[]>;
}
