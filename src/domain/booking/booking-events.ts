import type { Booking, KnownBooking, NotifiedState } from './booking.ts';

/**
 * What the platform says happened to a record; or that we found it in the platform's list, where nobody says what happened
 * to it: `found_new` when it was made so lately that nobody but us can have told its client.
 */
export type RecordEventStatus = 'create' | 'update' | 'delete' | 'discovered' | 'discovered_new';

export type RecordEvent = Readonly<{
  recordId: number;
  status: RecordEventStatus;
  booking: Booking | undefined;
  changedAt: Date | undefined;
}>;

/** What is known after the event, or why it says nothing. */
export type BookingTransition =
  | Readonly<{ outcome: 'store'; known: KnownBooking }>
  | Readonly<{ outcome: 'ignore'; reason: string }>;

/**
 * What a record event makes of what we know. A booking that was cancelled is never revived (the platform gives no number
 * twice) and an older event never overwrites a newer one, so that events in any order, any number of times, end in the
 * latest state.
 */
export function reduceBooking(
  event: RecordEvent,
  last: KnownBooking | undefined,
  now: Date,
): BookingTransition {
  if (last?.booking.cancelled === true) return ignore('already_cancelled');
  const isCancelled = event.status === 'delete' || event.booking?.cancelled === true;
  if (last === undefined)
    return isCancelled ? store(cancelledFirst(event, now)) : firstTransition(event, now);
  const isCreation = !isCancelled && (event.status === 'create' || event.status === 'discovered_new');
  const isOld = isOlder(event.changedAt, last.booking.changedAt) || (!isCancelled && isStale(event, last));
  if (isCreation && !last.creationSeen) {
    const booking = isOld ? last.booking : (event.booking ?? last.booking);
    return store(withBooking(booking, withCreationSeen(last), now));
  }
  if (isOld) return ignore('older_than_known');
  if (isCancelled) return store(withBooking(cancelled(event, last.booking), last, now));
  return event.booking === undefined ? ignore('no_start') : store(withBooking(event.booking, last, now));
}

type BookingSeen = Pick<KnownBooking, 'booking' | 'startKnownAt'>;

/** What a client knows after a message about the booking; undefined when it has no client to know it. */
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

/** What a client knows without our having written it. */
export function assumedNotified(seen: BookingSeen): NotifiedState | undefined {
  const notified = notifiedState(seen);
  return notified && { ...notified, assumed: true };
}

/** Of a record whose creation is seen only now: what we took for known was a guess. */
function withCreationSeen(last: KnownBooking): KnownBooking {
  const wasNeverNotified = last.notified?.assumed === true && last.notificationCount === 0;
  return { ...last, creationSeen: true, notified: wasNeverNotified ? undefined : last.notified };
}

function firstTransition({ status, booking }: RecordEvent, now: Date): BookingTransition {
  if (booking === undefined) return ignore('no_start');
  const seen = { booking, startKnownAt: now, notificationCount: 0 };
  return status === 'create' || status === 'discovered_new'
    ? store({ ...seen, creationSeen: true, notified: undefined })
    : // Nobody can tell what changed, nor what the client knows: the present state, as far as we can see.
      store({ ...seen, creationSeen: false, notified: assumedNotified(seen) });
}

/** A cancellation is news even of a booking that we never knew; but not when we merely find it, made and cancelled long ago. */
function cancelledFirst(event: RecordEvent, now: Date): KnownBooking {
  const seen = { booking: cancelled(event, tombstone(event)), startKnownAt: now, notificationCount: 0 };
  const notified = event.status === 'discovered' ? assumedNotified(seen) : undefined;
  return { ...seen, creationSeen: false, notified };
}

/** Of a deletion without data, which may come before what it deletes: nobody to tell, and nothing to tell. */
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

/** A later start, or another client, is known from now on; what was told, and to whom, stays as it is. */
function withBooking(booking: Booking, last: KnownBooking, now: Date): KnownBooking {
  const isSame =
    booking.startsAt === last.booking.startsAt && booking.clientPhone === last.booking.clientPhone;
  return { ...last, booking, startKnownAt: isSame ? last.startKnownAt : now };
}

function cancelled({ booking, changedAt }: RecordEvent, known: Booking): Booking {
  const last = booking ?? known;
  return {
    ...last,
    clientPhone: last.clientPhone ?? known.clientPhone,
    clientName: last.clientName ?? known.clientName,
    cancelled: true,
    changedAt: changedAt ?? last.changedAt,
  };
}

/** A creation is older than all that is known of its record, unless the dates say otherwise. */
function isStale({ status, changedAt }: RecordEvent, { booking }: KnownBooking): boolean {
  return status === 'create' && !isOlder(booking.changedAt, changedAt);
}

function isOlder(one: Date | undefined, other: Date | undefined): boolean {
  return one !== undefined && other !== undefined && one < other;
}

function store(known: KnownBooking): BookingTransition {
  return { outcome: 'store', known };
}

function ignore(reason: string): BookingTransition {
  return { outcome: 'ignore', reason };
}
