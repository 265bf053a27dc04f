import type { Booking } from './booking.ts';
import type { MessageKind } from './message.ts';
import { mayBeMobile } from './phone.ts';

export type BookingMessageKind = Extract<MessageKind, 'confirmation' | 'change' | 'cancellation'>;

export type RecordEventStatus = 'create' | 'update' | 'delete';

export type Decision =
  | Readonly<{ outcome: 'store'; booking: Booking; notify?: BookingMessageKind; reason: string }>
  | Readonly<{ outcome: 'ignore'; reason: string }>;

/**
 * What a record event means for what we know and for the client: the only place that decides whether a message is sent.
 *
 * A booking that was cancelled is never revived, an older event never overwrites a newer one, and only a difference of
 * start, staff or services is worth a word: the platform also sends an update for each payment, label and attendance mark.
 */
export function decide(
  event: Readonly<{ status: RecordEventStatus; booking: Booking | undefined; changedAt: Date | undefined }>,
  known: Booking | undefined,
  startInstant: (booking: Booking) => Date,
  now: Date,
): Decision {
  if (known?.cancelled === true) return { outcome: 'ignore', reason: 'already_cancelled' };
  if (isOlder(event.changedAt, known?.changedAt)) return { outcome: 'ignore', reason: 'older_than_known' };
  if (event.status === 'delete' || event.booking?.cancelled === true) {
    const booking = cancelled(event.booking, known, event.changedAt);
    if (booking === undefined) return { outcome: 'ignore', reason: 'unknown_record' };
    return announced('cancellation', booking, startInstant(booking), now);
  }
  if (event.booking === undefined) return { outcome: 'ignore', reason: 'no_start' };
  const { booking } = event;
  if (known === undefined) {
    // An update of a record that we never saw: nobody can tell what changed.
    return event.status === 'create'
      ? announced('confirmation', booking, startInstant(booking), now)
      : { outcome: 'store', booking, reason: 'first_seen_by_update' };
  }
  return differs(booking, known)
    ? announced('change', booking, startInstant(booking), now)
    : { outcome: 'store', booking, reason: 'nothing_to_say' };
}

function announced(kind: BookingMessageKind, booking: Booking, start: Date, now: Date): Decision {
  if (booking.clientPhone === undefined) return { outcome: 'store', booking, reason: 'no_client_phone' };
  if (!mayBeMobile(booking.clientPhone)) return { outcome: 'store', booking, reason: 'landline' };
  if (start <= now) return { outcome: 'store', booking, reason: 'in_the_past' };
  return { outcome: 'store', booking, notify: kind, reason: kind };
}

function cancelled(
  booking: Booking | undefined,
  known: Booking | undefined,
  changedAt: Date | undefined,
): Booking | undefined {
  const last = booking ?? known;
  if (last === undefined) return undefined;
  return {
    ...last,
    clientPhone: last.clientPhone ?? known?.clientPhone,
    clientName: last.clientName ?? known?.clientName,
    cancelled: true,
    changedAt: changedAt ?? last.changedAt,
  };
}

function isOlder(event: Date | undefined, known: Date | undefined): boolean {
  return event !== undefined && known !== undefined && event < known;
}

function differs(a: Booking, b: Booking): boolean {
  return a.startsAt !== b.startsAt || a.staffId !== b.staffId || serviceKey(a) !== serviceKey(b);
}

function serviceKey(booking: Booking): string {
  return booking.services
    .map(({ id }) => id)
    .sort((a, b) => a - b)
    .join(',');
}
