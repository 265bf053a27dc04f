import type { Booking, KnownBooking, Told } from './booking.ts';

export type RecordEventStatus = 'create' | 'update' | 'delete';

export type RecordEvent = Readonly<{
  status: RecordEventStatus;
  booking: Booking | undefined;
  changedAt: Date | undefined;
}>;

/** What is known after the event, or why it says nothing. */
export type Application =
  | Readonly<{ outcome: 'store'; known: KnownBooking }>
  | Readonly<{ outcome: 'ignore'; reason: string }>;

/**
 * What a record event makes of what we know. A booking that was cancelled is never revived and an older event never
 * overwrites a newer one, so that events in any order, any number of times, end in the latest state.
 */
export function applyEvent(event: RecordEvent, last: KnownBooking | undefined, now: Date): Application {
  if (last?.booking.cancelled === true) return ignore('already_cancelled');
  const isCancelled = event.status === 'delete' || event.booking?.cancelled === true;
  const isOld = isOlder(event.changedAt, last?.booking.changedAt);
  if (event.status === 'create' && !isCancelled && last !== undefined && !last.creationSeen) {
    // A creation is older than what followed it, unless the dates say otherwise.
    const isNewer = isOlder(last.booking.changedAt, event.changedAt);
    return store(
      withBooking(isNewer ? (event.booking ?? last.booking) : last.booking, creationTold(last), now),
    );
  }
  if (isOld) return ignore('older_than_known');
  if (isCancelled) {
    const booking = cancelled(event, last?.booking);
    return booking === undefined ? ignore('unknown_record') : store(withBooking(booking, last, now));
  }
  const { booking } = event;
  if (booking === undefined) return ignore('no_start');
  if (last !== undefined) return store(withBooking(booking, last, now));
  const first = { booking, startKnownAt: now, toldCount: 0 };
  return event.status === 'create'
    ? store({ ...first, creationSeen: true, told: undefined })
    : // Nobody can tell what changed, nor what the client knows: the present state, as far as we can see.
      store({ ...first, creationSeen: false, told: assumedTold(booking) });
}

/** What a client knows after a message about the booking; undefined when it has no client to know it. */
export function toldOf(booking: Booking): Told | undefined {
  if (booking.clientPhone === undefined) return undefined;
  return {
    startsAt: booking.startsAt,
    staffId: booking.staffId ?? null,
    serviceIds: booking.services.map(({ id }) => id).sort((a, b) => a - b),
    phone: booking.clientPhone,
    cancelled: booking.cancelled,
    assumed: false,
  };
}

/** What a client knows without our having written it. */
export function assumedTold(booking: Booking): Told | undefined {
  const told = toldOf(booking);
  return told && { ...told, assumed: true };
}

/** Of a record whose creation is seen only now: what we took for known was a guess. */
function creationTold(last: KnownBooking): KnownBooking {
  const heardNothing = last.told?.assumed === true && last.toldCount === 0;
  return { ...last, creationSeen: true, told: heardNothing ? undefined : last.told };
}

function withBooking(booking: Booking, last: KnownBooking | undefined, now: Date): KnownBooking {
  if (last === undefined) {
    return { booking, creationSeen: false, startKnownAt: now, told: undefined, toldCount: 0 };
  }
  const isOtherClient =
    last.told !== undefined && booking.clientPhone !== undefined && booking.clientPhone !== last.told.phone;
  return {
    ...last,
    booking,
    startKnownAt: booking.startsAt === last.booking.startsAt ? last.startKnownAt : now,
    told: isOtherClient && !booking.cancelled ? undefined : last.told,
  };
}

function cancelled({ booking, changedAt }: RecordEvent, known: Booking | undefined): Booking | undefined {
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

function store(known: KnownBooking): Application {
  return { outcome: 'store', known };
}

function ignore(reason: string): Application {
  return { outcome: 'ignore', reason };
}
