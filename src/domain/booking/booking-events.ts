import type { Booking, KnownBooking, Told } from './booking.ts';

/**
 * What the platform says happened to a record; or that we found it in the platform's list, where nobody says what happened
 * to it: `found_new` when it was made so lately that nobody but us can have told its client.
 */
export type RecordEventStatus = 'create' | 'update' | 'delete' | 'found' | 'found_new';

export type RecordEvent = Readonly<{
  recordId: number;
  status: RecordEventStatus;
  booking: Booking | undefined;
  changedAt: Date | undefined;
}>;

/** What is known after the event, or why it says nothing. */
export type Application =
  | Readonly<{ outcome: 'store'; known: KnownBooking }>
  | Readonly<{ outcome: 'ignore'; reason: string }>;

/**
 * What a record event makes of what we know. A booking that was cancelled is never revived (the platform gives no number
 * twice) and an older event never overwrites a newer one, so that events in any order, any number of times, end in the
 * latest state.
 */
export function applyEvent(event: RecordEvent, last: KnownBooking | undefined, now: Date): Application {
  if (last?.booking.cancelled === true) return ignore('already_cancelled');
  const isCancelled = event.status === 'delete' || event.booking?.cancelled === true;
  if (last === undefined) return isCancelled ? store(firstCancelled(event, now)) : first(event, now);
  const tellsOfCreation = !isCancelled && (event.status === 'create' || event.status === 'found_new');
  const isOld = isOlder(event.changedAt, last.booking.changedAt) || (!isCancelled && precedes(event, last));
  if (tellsOfCreation && !last.creationSeen) {
    const booking = isOld ? last.booking : (event.booking ?? last.booking);
    return store(withBooking(booking, creationTold(last), now));
  }
  if (isOld) return ignore('older_than_known');
  if (isCancelled) return store(withBooking(cancelled(event, last.booking), last, now));
  return event.booking === undefined ? ignore('no_start') : store(withBooking(event.booking, last, now));
}

type Heard = Pick<KnownBooking, 'booking' | 'startKnownAt'>;

/** What a client knows after a message about the booking; undefined when it has no client to know it. */
export function toldOf({ booking, startKnownAt }: Heard): Told | undefined {
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
export function assumedTold(heard: Heard): Told | undefined {
  const told = toldOf(heard);
  return told && { ...told, assumed: true };
}

/** Of a record whose creation is seen only now: what we took for known was a guess. */
function creationTold(last: KnownBooking): KnownBooking {
  const heardNothing = last.told?.assumed === true && last.toldCount === 0;
  return { ...last, creationSeen: true, told: heardNothing ? undefined : last.told };
}

function first({ status, booking }: RecordEvent, now: Date): Application {
  if (booking === undefined) return ignore('no_start');
  const heard = { booking, startKnownAt: now, toldCount: 0 };
  return status === 'create' || status === 'found_new'
    ? store({ ...heard, creationSeen: true, told: undefined })
    : // Nobody can tell what changed, nor what the client knows: the present state, as far as we can see.
      store({ ...heard, creationSeen: false, told: assumedTold(heard) });
}

/** A cancellation is news even of a booking that we never knew; but not when we merely find it, made and cancelled long ago. */
function firstCancelled(event: RecordEvent, now: Date): KnownBooking {
  const heard = { booking: cancelled(event, tombstone(event)), startKnownAt: now, toldCount: 0 };
  const told = event.status === 'found' ? assumedTold(heard) : undefined;
  return { ...heard, creationSeen: false, told };
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
function precedes({ status, changedAt }: RecordEvent, { booking }: KnownBooking): boolean {
  return status === 'create' && !isOlder(booking.changedAt, changedAt);
}

function isOlder(one: Date | undefined, other: Date | undefined): boolean {
  return one !== undefined && other !== undefined && one < other;
}

function store(known: KnownBooking): Application {
  return { outcome: 'store', known };
}

function ignore(reason: string): Application {
  return { outcome: 'ignore', reason };
}
