import type { Booking } from './booking.ts';
import type { MessageKind } from './message.ts';
import { mayBeMobile } from './phone.ts';

export type BookingMessageKind = Extract<MessageKind, 'confirmation' | 'change' | 'cancellation'>;

export type RecordEventStatus = 'create' | 'update' | 'delete';

export type RecordEvent = Readonly<{
  status: RecordEventStatus;
  booking: Booking | undefined;
  changedAt: Date | undefined;
}>;

/** A booking as we know it; `announced` when its client has been written to about it. */
export type KnownBooking = Readonly<{ booking: Booking; announced: boolean }>;

export type Decision =
  | Readonly<{
      outcome: 'store';
      booking: Booking;
      announced: boolean;
      notify?: BookingMessageKind;
      reason: string;
    }>
  | Readonly<{ outcome: 'ignore'; reason: string }>;

/**
 * What a record event means for what we know and for the client: the only place that decides whether a message is sent.
 *
 * A booking that was cancelled is never revived, an older event never overwrites a newer one, and only a difference of
 * start, staff or services is worth a word: the platform also sends an update for each payment, label and attendance mark.
 * A creation is worth one even when it arrives after later events of its record, if the client has heard of none of them.
 */
export function decide(
  event: RecordEvent,
  known: KnownBooking | undefined,
  startInstant: (booking: Booking) => Date,
  now: Date,
): Decision {
  const last = known?.booking;
  const wasAnnounced = known?.announced ?? false;
  const keep = (booking: Booking, reason: string): Decision => ({
    outcome: 'store',
    booking,
    announced: wasAnnounced,
    reason,
  });
  const tell = (notify: BookingMessageKind, booking: Booking): Decision => {
    const silence = whyNotTell(booking, startInstant(booking), now);
    return silence === undefined
      ? { outcome: 'store', booking, announced: true, notify, reason: notify }
      : keep(booking, silence);
  };

  if (last?.cancelled === true) return { outcome: 'ignore', reason: 'already_cancelled' };
  const isCancelled = event.status === 'delete' || event.booking?.cancelled === true;
  if (event.status === 'create' && !isCancelled && last !== undefined && !wasAnnounced) {
    // A creation is older than what followed it, unless the dates say otherwise.
    const isNewer = isOlder(last.changedAt, event.changedAt);
    return tell('confirmation', isNewer ? (event.booking ?? last) : last);
  }
  if (isOlder(event.changedAt, last?.changedAt)) return { outcome: 'ignore', reason: 'older_than_known' };
  if (isCancelled) {
    const booking = cancelled(event.booking, last, event.changedAt);
    return booking === undefined
      ? { outcome: 'ignore', reason: 'unknown_record' }
      : tell('cancellation', booking);
  }
  const { booking } = event;
  if (booking === undefined) return { outcome: 'ignore', reason: 'no_start' };
  // An update of a record that we never saw: nobody can tell what changed.
  if (last === undefined)
    return event.status === 'create' ? tell('confirmation', booking) : keep(booking, 'first_seen_by_update');
  return differs(booking, last) ? tell('change', booking) : keep(booking, 'nothing_to_say');
}

function whyNotTell({ clientPhone }: Booking, start: Date, now: Date): string | undefined {
  if (clientPhone === undefined) return 'no_client_phone';
  if (!mayBeMobile(clientPhone)) return 'landline';
  return start <= now ? 'in_the_past' : undefined;
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

function isOlder(one: Date | undefined, other: Date | undefined): boolean {
  return one !== undefined && other !== undefined && one < other;
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
