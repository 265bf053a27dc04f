import type { Booking, BookingState, NotifiedState } from './booking.ts';

/**
 * `create`, `update` and `delete` come from webhooks. `discovered` records were found by reconciliation; `discovered_new`
 * ones were also created so recently that their client cannot have been notified yet.
 */
export type RecordEventStatus = 'create' | 'update' | 'delete' | 'discovered' | 'discovered_new';

export type RecordEvent = Readonly<{
  recordId: number;
  status: RecordEventStatus;
  /** Undefined when the event carries no readable record, as most deletions do. */
  booking: Booking | undefined;
  changedAt: Date | undefined;
}>;

export type BookingTransition =
  | Readonly<{ outcome: 'store'; state: BookingState }>
  | Readonly<{ outcome: 'ignore'; reason: 'already_cancelled' | 'older_than_known' | 'no_start' }>;

/**
 * Applies an event to the state of its booking. Events may be repeated and arrive in any order: an older event never
 * overwrites a newer one, and a cancellation is final because YCLIENTS does not reuse record ids.
 */
export function reduceBooking(
  event: RecordEvent,
  last: BookingState | undefined,
  now: Date,
): BookingTransition {
  if (last === undefined)
    return isCancellation(event) ? store(cancelledFirst(event, now)) : firstTransition(event, now);
  if (last.booking.cancelled) return ignore('already_cancelled');
  const stale = isStale(event, last.booking);
  if (isCreation(event) && !last.creationSeen) {
    const booking = stale ? last.booking : (event.booking ?? last.booking);
    return store(withBooking(booking, withCreationSeen(last), now));
  }
  if (stale) return ignore('older_than_known');
  if (isCancellation(event)) return store(withBooking(cancelledBooking(event, last.booking), last, now));
  return event.booking === undefined ? ignore('no_start') : store(withBooking(event.booking, last, now));
}

type BookingSeen = Pick<BookingState, 'booking' | 'startKnownAt'>;

/** The state that a notification of this booking communicates; undefined when the booking has no phone. */
export function notifiedState({ booking, startKnownAt }: BookingSeen): NotifiedState | undefined {
  if (booking.clientPhone === undefined) return undefined;
  return {
    startsAt: booking.startsAt,
    startKnownAt,
    staffId: booking.staffId ?? null,
    serviceIds: booking.services.map(({ id }) => id).sort((a, b) => a - b),
    phone: booking.clientPhone,
    cancelled: booking.cancelled,
    assumed: false,
  };
}

/** The notified state of a client whom the salon is assumed to have notified itself. */
export function assumedNotified(seen: BookingSeen): NotifiedState | undefined {
  const notified = notifiedState(seen);
  return notified && { ...notified, assumed: true };
}

function firstTransition(event: RecordEvent, now: Date): BookingTransition {
  const { booking } = event;
  if (booking === undefined) return ignore('no_start');
  const seen = { booking, startKnownAt: now, notificationCount: 0 };
  // The record may be older than the integration: without its creation, assume that the salon has notified the client.
  return isCreation(event)
    ? store({ ...seen, creationSeen: true, notified: undefined })
    : store({ ...seen, creationSeen: false, notified: assumedNotified(seen) });
}

/** The client is notified even though the booking was unknown, except of a cancellation that only reconciliation found. */
function cancelledFirst(event: RecordEvent, now: Date): BookingState {
  const booking = cancelledBooking(event, tombstone(event));
  const seen = { booking, startKnownAt: now, notificationCount: 0 };
  const notified = event.status === 'discovered' ? assumedNotified(seen) : undefined;
  return { ...seen, creationSeen: false, notified };
}

/** Stored for a deletion without data, so that a creation that arrives later does not revive the record. */
function tombstone({ recordId }: RecordEvent): Booking {
  return {
    recordId,
    startsAt: '1970-01-01 00:00:00',
    staffId: undefined,
    staffName: undefined,
    services: [],
    clientPhone: undefined,
    clientName: undefined,
    cancelled: true,
    attendance: 0,
    online: false,
    durationSeconds: 0,
    createdAt: undefined,
    changedAt: undefined,
  };
}

/** Drops the assumption that the client was notified before the integration: the creation shows that it was not. */
function withCreationSeen(last: BookingState): BookingState {
  const wasNeverNotified = last.notified?.assumed === true && last.notificationCount === 0;
  return { ...last, creationSeen: true, notified: wasNeverNotified ? undefined : last.notified };
}

function withBooking(booking: Booking, last: BookingState, now: Date): BookingState {
  const isSame =
    booking.startsAt === last.booking.startsAt && booking.clientPhone === last.booking.clientPhone;
  return { ...last, booking, startKnownAt: isSame ? last.startKnownAt : now };
}

/** Keeps the client of the known booking when the event omits it. */
function cancelledBooking({ booking, changedAt }: RecordEvent, known: Booking): Booking {
  const last = booking ?? known;
  return {
    ...last,
    clientPhone: last.clientPhone ?? known.clientPhone,
    clientName: last.clientName ?? known.clientName,
    cancelled: true,
    changedAt: changedAt ?? last.changedAt,
  };
}

function isCancellation({ status, booking }: RecordEvent): boolean {
  return status === 'delete' || booking?.cancelled === true;
}

function isCreation(event: RecordEvent): boolean {
  return (event.status === 'create' || event.status === 'discovered_new') && !isCancellation(event);
}

/** A `create` precedes every state unless its date is later; other events are stale only when dated earlier. */
function isStale(event: RecordEvent, known: Booking): boolean {
  return event.status === 'create' && !isCancellation(event)
    ? !isBefore(known.changedAt, event.changedAt)
    : isBefore(event.changedAt, known.changedAt);
}

function isBefore(a: Date | undefined, b: Date | undefined): boolean {
  return a !== undefined && b !== undefined && a < b;
}

function store(state: BookingState): BookingTransition {
  return { outcome: 'store', state };
}

function ignore(reason: Extract<BookingTransition, { outcome: 'ignore' }>['reason']): BookingTransition {
  return { outcome: 'ignore', reason };
}
