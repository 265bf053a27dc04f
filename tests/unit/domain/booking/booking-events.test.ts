import { assert, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  reduceBooking,
  type BookingTransition,
  type RecordEventStatus,
} from '../../../../src/domain/booking/booking-events.ts';
import type { Booking, BookingState } from '../../../../src/domain/booking/booking.ts';
import { planMessages, type PlannedMessage } from '../../../../src/domain/notification/notification-plan.ts';
import { defaultNotificationSettings } from '../../../../src/domain/notification/settings.ts';
import { booking, bookingState, notifiedBooking } from '../../../support/fixtures/bookings.ts';
import { eventHistory } from '../../../support/fixtures/shuffled-events.ts';

const now = new Date('2026-03-08T09:00:00Z');
const later = new Date('2026-03-02T10:00:00Z');

function afterEvent(
  status: RecordEventStatus,
  incoming: Booking | undefined,
  last?: BookingState,
  changedAt = incoming?.changedAt,
): BookingTransition {
  return reduceBooking({ recordId: booking().recordId, status, booking: incoming, changedAt }, last, now);
}

function storedState(transition: BookingTransition): BookingState {
  if (transition.outcome === 'ignore') throw new Error(`Ignored: ${transition.reason}`);
  return transition.state;
}

const notificationKinds = new Set(['confirmation', 'change', 'cancellation']);

/** Sends the planned notification before the next event. */
function sendNotification(last: BookingState, sent: PlannedMessage[]): BookingState {
  const options = { settings: defaultNotificationSettings, now, timeZone: 'Europe/Moscow', debounceMs: 0 };
  const message = planMessages(last, options).messages.find(({ kind }) => notificationKinds.has(kind));
  if (message?.notifies === undefined) return last;
  sent.push(message);
  return { ...last, notified: message.notifies, notificationCount: last.notificationCount + 1 };
}

describe('the first event of a booking', () => {
  it('leaves the client to be notified if it is a creation', () => {
    expect(storedState(afterEvent('create', booking()))).toMatchObject({
      creationSeen: true,
      notified: undefined,
      notificationCount: 0,
      startKnownAt: now,
    });
  });

  it('assumes that the client was notified before the integration if it is an update', () => {
    expect(storedState(afterEvent('update', booking()))).toMatchObject({
      creationSeen: false,
      notified: { startsAt: booking().startsAt, assumed: true },
    });
  });

  it('is ignored without a start', () => {
    expect(afterEvent('update', undefined)).toEqual({ outcome: 'ignore', reason: 'no_start' });
  });

  it('stores a tombstone for a deletion without data, which a later creation does not revive', () => {
    const deleted = storedState(afterEvent('delete', undefined));
    expect(deleted).toMatchObject({
      booking: { cancelled: true, clientPhone: undefined },
      notified: undefined,
    });
    for (const status of ['create', 'update', 'discovered_new'] as const) {
      expect(afterEvent(status, booking({ changedAt: later }), deleted)).toMatchObject({
        reason: 'already_cancelled',
      });
    }
  });
});

describe('a discovered record', () => {
  const cancelled = booking({ cancelled: true });

  it('assumes that the client of an unknown record was notified, cancelled or not', () => {
    expect(storedState(afterEvent('discovered', booking())).notified).toMatchObject({
      assumed: true,
      cancelled: false,
    });
    expect(storedState(afterEvent('discovered', cancelled)).notified).toMatchObject({
      assumed: true,
      cancelled: true,
    });
  });

  it('leaves the client to be notified of a recent record, cancelled or not', () => {
    expect(storedState(afterEvent('discovered_new', booking())).notified).toBeUndefined();
    expect(storedState(afterEvent('discovered_new', cancelled)).notified).toBeUndefined();
  });

  it('updates a known booking and keeps the notified state', () => {
    const moved = booking({ staffId: 2, changedAt: later });
    for (const status of ['discovered', 'discovered_new'] as const) {
      expect(storedState(afterEvent(status, moved, notifiedBooking()))).toMatchObject({
        booking: moved,
        notified: notifiedBooking().notified,
      });
      const undated = { ...moved, changedAt: undefined };
      expect(storedState(afterEvent(status, undated, notifiedBooking())).booking).toEqual(undated);
      expect(storedState(afterEvent(status, cancelled, notifiedBooking())).notified).toEqual(
        notifiedBooking().notified,
      );
    }
  });
});

describe('a creation that arrives after an update', () => {
  const moved = booking({ startsAt: '2026-03-10 16:00:00', changedAt: later });
  const firstSeen = storedState(afterEvent('update', moved));

  it('keeps the current state and drops the assumed notification, once', () => {
    const created = storedState(afterEvent('create', booking(), firstSeen));
    expect(created).toMatchObject({ booking: moved, creationSeen: true, notified: undefined });
    expect(afterEvent('create', booking(), created)).toMatchObject({ reason: 'older_than_known' });
  });

  it('counts as older than the update, also without dates', () => {
    const undated = (state: Booking): Booking => ({ ...state, changedAt: undefined });
    const seen = storedState(afterEvent('update', undated(moved)));
    expect(storedState(afterEvent('create', undated(booking()), seen)).booking.startsAt).toBe(moved.startsAt);
  });

  it('is ignored when repeated, with or without dates', () => {
    const undated = (state: Booking): Booking => ({ ...state, changedAt: undefined });
    for (const form of [(state: Booking) => state, undated]) {
      const changed = { ...notifiedBooking(), booking: form(booking({ staffId: 2 })) };
      expect(afterEvent('create', form(booking()), changed)).toMatchObject({ reason: 'older_than_known' });
    }
  });

  it('keeps a notification that was really sent', () => {
    const notifiedState = { ...notifiedBooking({ changedAt: later }), creationSeen: false };
    expect(storedState(afterEvent('create', booking(), notifiedState)).notified).toEqual(
      notifiedState.notified,
    );
  });

  it('does not revive a cancelled booking', () => {
    const cancelled = bookingState({ cancelled: true });
    expect(afterEvent('create', booking(), cancelled)).toMatchObject({ reason: 'already_cancelled' });
  });
});

describe('a subsequent update', () => {
  it('replaces the booking and keeps the notified state', () => {
    const change = booking({ staffId: 2, changedAt: later });
    expect(storedState(afterEvent('update', change, notifiedBooking()))).toMatchObject({
      booking: change,
      notified: notifiedBooking().notified,
    });
  });

  it('resets startKnownAt only when the start changes', () => {
    const sameStart = storedState(
      afterEvent('update', booking({ staffId: 2, changedAt: later }), notifiedBooking()),
    );
    const otherStart = storedState(
      afterEvent('update', booking({ startsAt: '2026-03-11 10:00:00', changedAt: later }), notifiedBooking()),
    );
    expect(sameStart.startKnownAt).toEqual(notifiedBooking().startKnownAt);
    expect(otherStart.startKnownAt).toEqual(now);
  });

  it('resets startKnownAt and keeps the notified phone when the phone changes', () => {
    const other = booking({ clientPhone: '+79005556677', changedAt: later });
    expect(storedState(afterEvent('update', other, notifiedBooking()))).toMatchObject({
      notified: { phone: booking().clientPhone },
      startKnownAt: now,
    });
  });

  it('does not overwrite a newer state', () => {
    const newer = notifiedBooking({ changedAt: later });
    expect(afterEvent('update', booking({ startsAt: '2026-03-11 10:00:00' }), newer)).toEqual({
      outcome: 'ignore',
      reason: 'older_than_known',
    });
  });

  it('does not revive a cancelled booking, whatever its date', () => {
    const cancelled = notifiedBooking({ cancelled: true });
    expect(afterEvent('update', booking({ changedAt: now }), cancelled)).toMatchObject({
      reason: 'already_cancelled',
    });
  });
});

describe('a deletion', () => {
  it('cancels the known booking, also without data', () => {
    expect(storedState(afterEvent('delete', undefined, notifiedBooking())).booking).toEqual(
      booking({ cancelled: true }),
    );
  });

  it('may arrive as an update with `deleted`', () => {
    const transition = afterEvent(
      'update',
      booking({ cancelled: true, changedAt: later }),
      notifiedBooking(),
    );
    expect(storedState(transition).booking.cancelled).toBe(true);
  });

  it('keeps the phone and name that its data omit', () => {
    const bare = booking({ cancelled: true, clientPhone: undefined, clientName: undefined });
    expect(storedState(afterEvent('delete', bare, notifiedBooking())).booking).toMatchObject({
      clientPhone: '+79001112233',
      clientName: 'Ольга',
    });
  });

  it('is ignored when older than the known state', () => {
    expect(afterEvent('delete', booking(), notifiedBooking({ changedAt: later }))).toMatchObject({
      reason: 'older_than_known',
    });
  });
});

it('1,000 shuffled event histories end in the latest state and one notification of it', () => {
  assert(
    property(eventHistory, ({ events, deliveryOrder, end }) => {
      const sent: PlannedMessage[] = [];
      let last: BookingState | undefined;
      for (const index of deliveryOrder) {
        const event = events[index];
        if (event === undefined) continue;
        const transition = reduceBooking(event, last, now);
        if (transition.outcome === 'store') last = sendNotification(transition.state, sent);
      }
      const lastEvent = events.at(-1);
      // The final state of a deleted record is not compared: which event cancelled it depends on the order.
      const isDeleted = lastEvent?.status === 'delete';
      const cancellations = sent.filter(({ kind }) => kind === 'cancellation').length;
      const confirmations = sent.filter(({ kind }) => kind === 'confirmation').length;
      expect({
        cancelled: last?.booking.cancelled,
        state: isDeleted ? undefined : last?.booking,
        notifiedCancelled: last?.notified?.cancelled,
        notifiedStart: isDeleted ? undefined : last?.notified?.startsAt,
        cancellations,
        lastKind: isDeleted ? sent.at(-1)?.kind : undefined,
      }).toEqual({
        cancelled: isDeleted,
        state: isDeleted ? undefined : lastEvent?.booking,
        notifiedCancelled: end === 'nothing' ? undefined : isDeleted,
        notifiedStart: isDeleted ? undefined : lastEvent?.booking?.startsAt,
        cancellations: Number(end === 'cancellation'),
        lastKind: end === 'cancellation' ? 'cancellation' : undefined,
      });
      expect(confirmations).toBeLessThanOrEqual(1);
      expect(new Set(sent.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(sent.length);
    }),
    { numRuns: 1_000 },
  );
});
