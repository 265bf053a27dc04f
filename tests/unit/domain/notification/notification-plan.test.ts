import { describe, expect, it } from 'vitest';
import type { BookingState } from '../../../../src/domain/booking/booking.ts';
import {
  type Plan,
  type PlanOptions,
  planMessages,
} from '../../../../src/domain/notification/notification-plan.ts';
import { defaultNotificationSettings } from '../../../../src/domain/notification/settings.ts';
import { bookingState, notifiedBooking } from '../../../support/fixtures/bookings.ts';
import { visitsOnClockChanges } from '../../../support/fixtures/clock-changes.ts';

/** Noon in Moscow, two days before the visit at 14:30. */
const now = new Date('2026-03-08T09:00:00Z');
const settings = defaultNotificationSettings;

function planOf(state: BookingState, options: Partial<PlanOptions> = {}): Plan {
  return planMessages(state, { settings, now, timeZone: 'Europe/Moscow', debounceMs: 20_000, ...options });
}

function kindsOf({ messages }: Plan): string[] {
  return messages.map(({ kind }) => kind);
}

describe('the plan for a client not notified yet', () => {
  it('has an immediate confirmation and both reminders', () => {
    const plan = planOf(bookingState());
    expect(kindsOf(plan)).toEqual(['confirmation', 'reminder_24h', 'reminder_2h']);
    expect(plan.messages.map(({ notBefore }) => notBefore.toISOString())).toEqual([
      now.toISOString(),
      '2026-03-09T11:30:00.000Z',
      '2026-03-10T09:30:00.000Z',
    ]);
    expect(plan.messages[0]).toMatchObject({
      idempotencyKey: 'record:880010001:confirmation:2026-03-10 14:30:00',
      expiresAt: new Date('2026-03-10T11:30:00Z'),
      notifies: { startsAt: '2026-03-10 14:30:00', assumed: false },
    });
  });

  it.each([
    [{ clientPhone: undefined }, 'no_client_phone'],
    [{ clientPhone: '+74950000000' }, 'landline'],
  ])('is empty for %j: %s', (changes, reason) => {
    expect(planOf(bookingState(changes))).toEqual({ messages: [], reason });
  });

  it('has no confirmation of a visit that has started', () => {
    expect(planOf(bookingState({ startsAt: '2026-03-08 12:00:00' }))).toMatchObject({
      messages: [],
      reason: 'in_the_past',
    });
  });

  it('has no reminder soon after the booking was created', () => {
    const tomorrow = { ...bookingState({ startsAt: '2026-03-09 14:00:00' }), startKnownAt: now };
    expect(kindsOf(planOf(tomorrow))).toEqual(['confirmation', 'reminder_2h']);
    const inThreeHours = { ...bookingState({ startsAt: '2026-03-08 15:00:00' }), startKnownAt: now };
    expect(kindsOf(planOf(inThreeHours))).toEqual(['confirmation']);
  });
});

describe('the plan for a notified client', () => {
  it('has only reminders while nothing changes', () => {
    expect(planOf(notifiedBooking())).toMatchObject({ reason: 'nothing_to_say' });
    expect(kindsOf(planOf(notifiedBooking()))).toEqual(['reminder_24h', 'reminder_2h']);
  });

  it.each([
    ['start', { startsAt: '2026-03-10 15:00:00' }],
    ['staff', { staffId: 2 }],
    ['services', { services: [{ id: 44_002, title: 'Окрашивание' }] }],
  ])('has a change of the %s after the debounce, relative to the notified state', (_what, changes) => {
    const { notified } = notifiedBooking();
    const plan = planOf({ ...notifiedBooking(changes), notified });
    expect(plan.messages[0]).toMatchObject({
      kind: 'change',
      notBefore: new Date(now.getTime() + 20_000),
      previousStartsAt: '2026-03-10 14:30:00',
      idempotencyKey: expect.stringMatching(/^record:880010001:change:.*:1$/) as unknown,
    });
  });

  it('ignores attendance and the order of services', () => {
    const services = [
      { id: 2, title: 'b' },
      { id: 1, title: 'a' },
    ];
    const { notified } = notifiedBooking({ services: services.toReversed() });
    expect(planOf({ ...notifiedBooking({ services, attendance: 2 }), notified }).reason).toBe(
      'nothing_to_say',
    );
  });

  it.each([
    [15, 'small_shift'],
    [14, 'change'],
  ])('classifies a shift of 15 minutes with a threshold of %s as %s', (smallShiftMinutes, reason) => {
    const { notified } = notifiedBooking();
    const shifted = { ...notifiedBooking({ startsAt: '2026-03-10 14:45:00' }), notified };
    expect(planOf(shifted, { settings: { ...settings, smallShiftMinutes } }).reason).toBe(reason);
  });

  it('has a confirmation for a corrected phone, once', () => {
    const { notified } = notifiedBooking();
    const corrected = { ...bookingState({ clientPhone: '+79005556677' }), notified, notificationCount: 1 };
    const [confirmation] = planOf(corrected).messages;
    expect(confirmation).toMatchObject({
      kind: 'confirmation',
      phone: '+79005556677',
      idempotencyKey: 'record:880010001:confirmation:2026-03-10 14:30:00:1',
    });
    const notifiedTwice = { ...corrected, notified: confirmation?.notifies, notificationCount: 2 };
    expect(planOf(notifiedTwice).reason).toBe('nothing_to_say');
    // Corrected back before the other phone was notified.
    expect(planOf({ ...corrected, booking: notifiedBooking().booking }).reason).toBe('nothing_to_say');
  });

  it.each([
    ['away and back', { startsAt: '2026-03-10 14:30:00' }],
    ['by less than what is worth telling', { startsAt: '2026-03-10 14:40:00' }],
  ])('has both reminders of a visit that was just moved %s', (_what, changes) => {
    const { notified } = notifiedBooking();
    const late = new Date('2026-03-09T10:00:00Z');
    const moved = { ...bookingState(changes), startKnownAt: late, notified, notificationCount: 1 };
    const shifts = { ...settings, smallShiftMinutes: 15 };
    expect(kindsOf(planOf(moved, { now: late, settings: shifts }))).toEqual(['reminder_24h', 'reminder_2h']);
  });

  it('has no reminder soon after a change of the start', () => {
    const { notified } = notifiedBooking();
    const late = new Date('2026-03-09T10:00:00Z');
    const moved = { ...bookingState({ startsAt: '2026-03-10 15:00:00' }), startKnownAt: late, notified };
    const plan = planOf(moved, { now: late });
    expect(kindsOf(plan)).toEqual(['change', 'reminder_2h']);
    const state = { ...moved, notified: plan.messages[0]?.notifies, notificationCount: 2 };
    expect(kindsOf(planOf(state, { now: late }))).toEqual(['reminder_2h']);
  });

  it('has an immediate cancellation, once, and nothing else', () => {
    const { notified } = notifiedBooking();
    const cancelled = { ...notifiedBooking({ cancelled: true }), notified };
    expect(kindsOf(planOf(cancelled))).toEqual(['cancellation']);
    expect(planOf(cancelled).messages[0]?.notBefore).toEqual(now);
    expect(planOf(notifiedBooking({ cancelled: true })).messages).toEqual([]);
  });

  it('has a cancellation for a client not notified yet, but not of a past visit', () => {
    expect(kindsOf(planOf(bookingState({ cancelled: true })))).toEqual(['cancellation']);
    expect(planOf(bookingState({ cancelled: true, startsAt: '2026-03-08 11:00:00' })).reason).toBe(
      'in_the_past',
    );
  });

  it.each([1, -1] as const)('is empty for a visit with attendance %s', (attendance) => {
    expect(planOf(notifiedBooking({ attendance })).messages).toEqual([]);
  });
});

describe('thanks', () => {
  const withThanks = { ...settings, enabled: { ...settings.enabled, thanks: true } };
  const after = new Date('2026-03-10T13:00:00Z');

  it('are sent an hour after the end to a client who came, when enabled', () => {
    const came = notifiedBooking({ attendance: 1 });
    expect(planOf(came, { now: after }).messages).toEqual([]);
    const [thanks] = planOf(came, { now: after, settings: withThanks }).messages;
    expect(thanks).toMatchObject({ kind: 'thanks', notBefore: new Date('2026-03-10T13:30:00Z') });
  });

  it('are not sent unless the client is marked as having come', () => {
    for (const attendance of [-1, 0, 2] as const) {
      const plan = planOf(notifiedBooking({ attendance }), { now: after, settings: withThanks });
      expect(kindsOf(plan)).toEqual([]);
    }
  });
});

describe('quiet hours', () => {
  const night = new Date('2026-03-08T20:00:00Z');

  it('delay a message until the morning', () => {
    const [confirmation] = planOf(bookingState(), { now: night }).messages;
    expect(confirmation).toMatchObject({
      notBefore: new Date('2026-03-09T06:00:00Z'),
      respectsQuietHours: true,
    });
  });

  it('drop a message that would come after the visit', () => {
    const early = notifiedBooking({ startsAt: '2026-03-10 08:30:00' });
    expect(kindsOf(planOf(early))).toEqual(['reminder_24h']);
    expect(planOf(bookingState({ startsAt: '2026-03-09 08:30:00' }), { now: night }).reason).toBe(
      'too_late_after_quiet_hours',
    );
  });

  it('do not delay the confirmation of a booking made online just now', () => {
    const online = bookingState({ online: true, createdAt: new Date(night.getTime() - 60_000) });
    const [confirmation] = planOf(online, { now: night }).messages;
    expect(confirmation).toMatchObject({ notBefore: night, respectsQuietHours: false });
    const hoursAgo = bookingState({ online: true, createdAt: new Date(night.getTime() - 7_200_000) });
    expect(planOf(hoursAgo, { now: night }).messages[0]?.respectsQuietHours).toBe(true);
  });
});

it('the plan omits kinds that are switched off', () => {
  const off = { ...settings, enabled: { ...settings.enabled, confirmation: false, reminder_2h: false } };
  const plan = planOf(bookingState(), { settings: off });
  expect([kindsOf(plan), plan.reason]).toEqual([['reminder_24h'], 'switched_off']);
});

it.each(visitsOnClockChanges)(
  'plans reminders 24 and 2 hours before a visit in %s on %s',
  (timeZone, startsAt, instant) => {
    const since = new Date('2026-01-01T00:00:00Z');
    const state = { ...notifiedBooking({ startsAt }), startKnownAt: since };
    const { messages } = planOf(state, {
      settings: { ...settings, quietHours: undefined },
      now: since,
      timeZone,
      debounceMs: 0,
    });
    const startMs = Date.parse(instant);
    expect(messages.map(({ notBefore }) => notBefore.toISOString())).toEqual([
      new Date(startMs - 24 * 3_600_000).toISOString(),
      new Date(startMs - 2 * 3_600_000).toISOString(),
    ]);
  },
);
