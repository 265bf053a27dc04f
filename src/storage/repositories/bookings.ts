import type { Booking, BookingState, NotifiedState } from '../../domain/booking/booking.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { bookingMessageKinds, type NewMessage } from '../../domain/notification/message.ts';
import type { Bookings, QueuedMessage, StoredBooking } from '../../ports/bookings.ts';
import type { MarketplaceEvent } from '../../ports/events.ts';
import type { Rpc } from '../rpc/client.ts';
import { listFrom, RowReader } from '../rpc/row-reader.ts';
import { messageArgument } from './messages.ts';

/** Bookings with the notified state of their clients. */
export class StoredBookings implements Bookings {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async find(companyId: CompanyId, recordId: number): Promise<StoredBooking | undefined> {
    const row = await this.#rpc.row('booking_find', { p_company_id: companyId, p_record_id: recordId });
    return (
      row && {
        booking: bookingFrom(row),
        creationSeen: row.boolean('creation_seen'),
        startKnownAt: row.date('start_known_at'),
        notified: notifiedStateFrom(row),
        notificationCount: row.number('notification_count'),
        version: row.number('version'),
      }
    );
  }

  async apply(
    companyId: CompanyId,
    change: Readonly<{
      expectedVersion: number;
      state: BookingState;
      plan: readonly NewMessage[];
      event: MarketplaceEvent;
    }>,
  ): Promise<'stale' | Readonly<{ queued: readonly QueuedMessage[] }>> {
    const { type, cause, detail = {} } = change.event;
    const queued = await this.#rpc.call('booking_apply', {
      p_company_id: companyId,
      p_expected_version: change.expectedVersion,
      p_booking: bookingArgument(change.state),
      p_plan: change.plan.map(messageArgument),
      p_event: { type, cause, detail },
    });
    if (queued === null) return 'stale';
    return {
      queued: listFrom(queued).map((message) => {
        const reader = new RowReader(message);
        return { id: reader.text('id'), kind: reader.oneOf(bookingMessageKinds, 'kind') };
      }),
    };
  }

  async upcoming(
    companyId: CompanyId,
    page: Readonly<{ from: string; afterRecordId: number; limit: number; phone?: string }>,
  ): Promise<readonly number[]> {
    const ids = await this.#rpc.call('bookings_upcoming', {
      p_company_id: companyId,
      p_from: page.from,
      p_after_record_id: page.afterRecordId,
      p_limit: page.limit,
      p_phone: page.phone ?? null,
    });
    return listFrom(ids).map(Number);
  }
}

function bookingArgument(state: BookingState): Readonly<Record<string, unknown>> {
  const { booking } = state;
  return {
    record_id: booking.recordId,
    starts_at: booking.startsAt,
    staff_id: booking.staffId ?? null,
    staff_name: booking.staffName ?? null,
    services: booking.services,
    client_phone: booking.clientPhone ?? null,
    client_name: booking.clientName ?? null,
    cancelled: booking.cancelled,
    attendance: booking.attendance,
    online: booking.online,
    duration_seconds: booking.durationSeconds,
    created_at: booking.createdAt?.toISOString() ?? null,
    changed_at: booking.changedAt?.toISOString() ?? null,
    creation_seen: state.creationSeen,
    start_known_at: state.startKnownAt.toISOString(),
    notified: state.notified ?? null,
    notification_count: state.notificationCount,
  };
}

function bookingFrom(row: RowReader): Booking {
  return {
    recordId: row.number('record_id'),
    // Postgres renders `2026-01-31T10:00:00`.
    startsAt: row.text('starts_at').replace('T', ' '),
    staffId: row.optionalNumber('staff_id'),
    staffName: row.optionalText('staff_name'),
    services: row.list('services').map((service) => {
      const reader = new RowReader(service);
      return { id: reader.number('id'), title: reader.text('title') };
    }),
    clientPhone: row.optionalText('client_phone'),
    clientName: row.optionalText('client_name'),
    cancelled: row.boolean('cancelled'),
    attendance: row.oneOf([-1, 0, 1, 2] as const, 'attendance'),
    online: row.boolean('online'),
    durationSeconds: row.number('duration_seconds'),
    createdAt: row.optionalDate('created_at'),
    changedAt: row.optionalDate('changed_at'),
  };
}

function notifiedStateFrom(row: RowReader): NotifiedState | undefined {
  const notified = row.optionalObject('notified');
  return (
    notified && {
      startsAt: notified.text('startsAt'),
      startKnownAt: notified.date('startKnownAt'),
      staffId: notified.optionalNumber('staffId') ?? null,
      serviceIds: notified.list('serviceIds').map(Number),
      phone: notified.text('phone'),
      cancelled: notified.boolean('cancelled'),
      assumed: notified.boolean('assumed'),
    }
  );
}
