import type { Booking } from '../domain/booking.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { NewMessage } from '../domain/message.ts';
import type { Bookings, MarketplaceEvent, StoredBooking } from '../marketplace/ports.ts';
import { RowReader } from './decode.ts';
import { messageArgument } from './messages.ts';
import type { Rpc } from './rpc.ts';

/** Bookings as they were when a message was last decided on. */
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
        announced: row.boolean('announced'),
        version: row.number('version'),
      }
    );
  }

  async apply(
    companyId: CompanyId,
    change: Readonly<{
      expectedVersion: number;
      booking: Booking;
      announced: boolean;
      message?: NewMessage;
      event: MarketplaceEvent;
    }>,
  ): Promise<'applied' | 'stale'> {
    const { type, cause, detail = {} } = change.event;
    const applied = await this.#rpc.call('booking_apply', {
      p_company_id: companyId,
      p_expected_version: change.expectedVersion,
      p_booking: { ...bookingArgument(change.booking), announced: change.announced },
      p_event: { type, cause, detail },
      p_message: change.message === undefined ? null : messageArgument(change.message),
    });
    return applied === true ? 'applied' : 'stale';
  }
}

function bookingArgument(booking: Booking): Readonly<Record<string, unknown>> {
  return {
    record_id: booking.recordId,
    starts_at: booking.startsAt,
    staff_id: booking.staffId ?? null,
    staff_name: booking.staffName ?? null,
    services: booking.services,
    client_phone: booking.clientPhone ?? null,
    client_name: booking.clientName ?? null,
    cancelled: booking.cancelled,
    changed_at: booking.changedAt?.toISOString() ?? null,
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
    changedAt: row.optionalDate('changed_at'),
  };
}
