import type { CompanyId } from '../domain/ids.ts';
import type { KnownBooking } from '../domain/booking/booking.ts';
import type { MessageKind, NewMessage } from '../domain/notification/message.ts';
import type { MarketplaceEvent } from './events.ts';

/** How far the platform's changes of each company have been read. */
export interface SyncCursors {
  /**
   * A job begins to read: what happens from now on is for the next one.
   * @param job the same at each attempt
   * @returns until when the last good one has read; undefined: never
   */
  begin(companyId: CompanyId, job: string): Promise<Date | undefined>;
  finish(companyId: CompanyId, until: Date): Promise<void>;
  /** How many jobs have begun, of each company. */
  runCounts(companyIds: readonly CompanyId[]): Promise<ReadonlyMap<CompanyId, number>>;
}

/** What the use cases need to know of bookings and their messages. Types only: this file has no runtime. */

export type StoredBooking = KnownBooking & Readonly<{ version: number }>;

export type QueuedMessage = Readonly<{ id: string; kind: MessageKind }>;

export interface Bookings {
  find(companyId: CompanyId, recordId: number): Promise<StoredBooking | undefined>;
  /**
   * Writes the booking, its whole plan of messages and its event in one transaction, if the stored version still is
   * `expectedVersion` (0 = not stored yet). Queued messages of the record that are not in the plan become `withdrawn`; those
   * that are keep their place. Nothing is queued for a client who opted out, but for a cancellation. `stale`: somebody else
   * was faster, or a message has been sent meanwhile; read again.
   */
  apply(
    companyId: CompanyId,
    change: Readonly<{
      expectedVersion: number;
      known: KnownBooking;
      plan: readonly NewMessage[];
      event: MarketplaceEvent;
    }>,
  ): Promise<'stale' | Readonly<{ queued: readonly QueuedMessage[] }>>;
  /**
   * Records whose visit is not over by `from` (local time of the salon) and not cancelled, and those that have a message
   * waiting, in ascending order.
   */
  upcoming(
    companyId: CompanyId,
    page: Readonly<{ from: string; afterRecordId: number; limit: number; phone?: string }>,
  ): Promise<readonly number[]>;
}
