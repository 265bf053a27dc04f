import { describe, expect, it } from 'vitest';
import {
  reduceBooking,
  type BookingTransition,
  type RecordEventStatus,
} from '../../../../src/domain/booking/booking-events.ts';
import type { Booking, KnownBooking } from '../../../../src/domain/booking/booking.ts';
import { booking, knownBooking, notifiedBooking } from '../../../support/fixtures/bookings.ts';

const now = new Date('2026-03-08T09:00:00Z');
const later = new Date('2026-03-02T10:00:00Z');

function afterEvent(
  status: RecordEventStatus,
  incoming: Booking | undefined,
  last?: KnownBooking,
  changedAt = incoming?.changedAt,
): BookingTransition {
  return reduceBooking({ recordId: booking().recordId, status, booking: incoming, changedAt }, last, now);
}

function known(application: BookingTransition): KnownBooking {
  if (application.outcome === 'ignore') throw new Error(`Ignored: ${application.reason}`);
  return application.known;
}

describe('a first event', () => {
  it('leaves the client of a creation ignorant', () => {
    expect(known(afterEvent('create', booking()))).toMatchObject({
      creationSeen: true,
      notified: undefined,
      notificationCount: 0,
      startKnownAt: now,
    });
  });

  it('takes the client of an older booking to know it', () => {
    expect(known(afterEvent('update', booking()))).toMatchObject({
      creationSeen: false,
      notified: { startsAt: booking().startsAt, assumed: true },
    });
  });

  it('says nothing without a start', () => {
    expect(afterEvent('update', undefined)).toEqual({ outcome: 'ignore', reason: 'no_start' });
  });

  it('that is a deletion without data outlives the creation that comes after it, and has nobody to tell', () => {
    const gone = known(afterEvent('delete', undefined));
    expect(gone).toMatchObject({ booking: { cancelled: true, clientPhone: undefined }, notified: undefined });
    for (const status of ['create', 'update', 'discovered_new'] as const) {
      expect(afterEvent(status, booking({ changedAt: later }), gone)).toMatchObject({
        reason: 'already_cancelled',
      });
    }
  });
});

describe('a record that is found in the list', () => {
  const cancelled = booking({ cancelled: true });

  it('is news to nobody, cancelled or not, when we do not know it', () => {
    expect(known(afterEvent('discovered', booking())).notified).toMatchObject({
      assumed: true,
      cancelled: false,
    });
    expect(known(afterEvent('discovered', cancelled)).notified).toMatchObject({
      assumed: true,
      cancelled: true,
    });
  });

  it('is news when it was made lately, cancelled or not', () => {
    expect(known(afterEvent('discovered_new', booking())).notified).toBeUndefined();
    expect(known(afterEvent('discovered_new', cancelled)).notified).toBeUndefined();
  });

  it('is the present state of what we know, and leaves what was told', () => {
    const moved = booking({ staffId: 2, changedAt: later });
    for (const status of ['discovered', 'discovered_new'] as const) {
      expect(known(afterEvent(status, moved, notifiedBooking()))).toMatchObject({
        booking: moved,
        notified: notifiedBooking().notified,
      });
      const undated = { ...moved, changedAt: undefined };
      expect(known(afterEvent(status, undated, notifiedBooking())).booking).toEqual(undated);
      expect(known(afterEvent(status, cancelled, notifiedBooking())).notified).toEqual(
        notifiedBooking().notified,
      );
    }
  });
});

describe('a creation that arrives late', () => {
  const moved = booking({ startsAt: '2026-03-10 16:00:00', changedAt: later });
  const firstSeen = known(afterEvent('update', moved));

  it('makes the client ignorant of the booking as it is by now, once', () => {
    const created = known(afterEvent('create', booking(), firstSeen));
    expect(created).toMatchObject({ booking: moved, creationSeen: true, notified: undefined });
    expect(afterEvent('create', booking(), created)).toMatchObject({ reason: 'older_than_known' });
  });

  it('is older than what followed also without dates', () => {
    const undated = (one: Booking): Booking => ({ ...one, changedAt: undefined });
    const seen = known(afterEvent('update', undated(moved)));
    expect(known(afterEvent('create', undated(booking()), seen)).booking.startsAt).toBe(moved.startsAt);
  });

  it('changes nothing when it comes again, with or without dates', () => {
    const undated = (one: Booking): Booking => ({ ...one, changedAt: undefined });
    for (const form of [(one: Booking) => one, undated]) {
      const changed = { ...notifiedBooking(), booking: form(booking({ staffId: 2 })) };
      expect(afterEvent('create', form(booking()), changed)).toMatchObject({ reason: 'older_than_known' });
    }
  });

  it('forgets nothing that was really told', () => {
    const notifiedKnown = { ...notifiedBooking({ changedAt: later }), creationSeen: false };
    expect(known(afterEvent('create', booking(), notifiedKnown)).notified).toEqual(notifiedKnown.notified);
  });

  it('does not revive a booking that is cancelled by now', () => {
    const gone = knownBooking({ cancelled: true });
    expect(afterEvent('create', booking(), gone)).toMatchObject({ reason: 'already_cancelled' });
  });
});

describe('a later event', () => {
  it('replaces the state and keeps what was told', () => {
    const change = booking({ staffId: 2, changedAt: later });
    expect(known(afterEvent('update', change, notifiedBooking()))).toMatchObject({
      booking: change,
      notified: notifiedBooking().notified,
    });
  });

  it('remembers since when the start is known', () => {
    const sameStart = known(
      afterEvent('update', booking({ staffId: 2, changedAt: later }), notifiedBooking()),
    );
    const otherStart = known(
      afterEvent('update', booking({ startsAt: '2026-03-11 10:00:00', changedAt: later }), notifiedBooking()),
    );
    expect(sameStart.startKnownAt).toEqual(notifiedBooking().startKnownAt);
    expect(otherStart.startKnownAt).toEqual(now);
  });

  it('means another person when the phone is another, who knows the start from now on', () => {
    const other = booking({ clientPhone: '+79005556677', changedAt: later });
    expect(known(afterEvent('update', other, notifiedBooking()))).toMatchObject({
      notified: { phone: booking().clientPhone },
      startKnownAt: now,
    });
  });

  it('does not overwrite a newer one', () => {
    const newer = notifiedBooking({ changedAt: later });
    expect(afterEvent('update', booking({ startsAt: '2026-03-11 10:00:00' }), newer)).toEqual({
      outcome: 'ignore',
      reason: 'older_than_known',
    });
  });

  it('does not revive a cancelled booking, however late it is dated', () => {
    const gone = notifiedBooking({ cancelled: true });
    expect(afterEvent('update', booking({ changedAt: now }), gone)).toMatchObject({
      reason: 'already_cancelled',
    });
  });
});

describe('a deletion', () => {
  it('cancels what we know also when it has no data', () => {
    expect(known(afterEvent('delete', undefined, notifiedBooking())).booking).toEqual(
      booking({ cancelled: true }),
    );
  });

  it('may come as an update that says so', () => {
    const application = afterEvent(
      'update',
      booking({ cancelled: true, changedAt: later }),
      notifiedBooking(),
    );
    expect(known(application).booking.cancelled).toBe(true);
  });

  it('keeps the phone that its data leave out', () => {
    const bare = booking({ cancelled: true, clientPhone: undefined, clientName: undefined });
    expect(known(afterEvent('delete', bare, notifiedBooking())).booking).toMatchObject({
      clientPhone: '+79001112233',
      clientName: 'Ольга',
    });
  });

  it('that is older than what we know is nothing new', () => {
    expect(afterEvent('delete', booking(), notifiedBooking({ changedAt: later }))).toMatchObject({
      reason: 'older_than_known',
    });
  });
});
