import { describe, expect, it } from 'vitest';
import { decide, type Decision, type RecordEventStatus } from '../../src/domain/booking-change.ts';
import type { Booking } from '../../src/domain/booking.ts';
import { instantOf } from '../../src/domain/salon-time.ts';

const now = new Date('2026-03-08T09:00:00Z');

const booking: Booking = {
  recordId: 880010001,
  startsAt: '2026-03-10 14:30:00',
  staffId: 33001,
  staffName: 'Марина',
  services: [{ id: 44001, title: 'Стрижка' }],
  clientPhone: '+79001112233',
  clientName: 'Ольга',
  cancelled: false,
  changedAt: new Date('2026-03-08T09:00:00Z'),
};

function decisionOn(
  status: RecordEventStatus,
  incoming: Booking | undefined,
  last?: Booking,
  announced = true,
): Decision {
  const event = { status, booking: incoming, changedAt: incoming?.changedAt };
  const known = last && { booking: last, announced };
  return decide(event, known, ({ startsAt }) => instantOf(startsAt, 'Europe/Moscow'), now);
}

const later = new Date('2026-03-08T10:00:00Z');

describe('a created booking', () => {
  it('is confirmed to the client', () => {
    expect(decisionOn('create', booking)).toMatchObject({ outcome: 'store', notify: 'confirmation' });
  });

  it('is silent when it has no client phone', () => {
    const anonymous = { ...booking, clientPhone: undefined };
    expect(decisionOn('create', anonymous)).toEqual({
      outcome: 'store',
      booking: anonymous,
      announced: false,
      reason: 'no_client_phone',
    });
  });

  it('is silent for a landline', () => {
    expect(decisionOn('create', { ...booking, clientPhone: '+74950000000' })).toMatchObject({
      reason: 'landline',
    });
  });

  it('is silent when the visit has already begun', () => {
    const past = { ...booking, startsAt: '2026-03-08 11:59:00' };
    expect(decisionOn('create', past)).toMatchObject({ reason: 'in_the_past' });
    expect(decisionOn('create', { ...booking, startsAt: '2026-03-08 12:01:00' })).toHaveProperty('notify');
  });
});

describe('a creation that arrives late', () => {
  const moved = { ...booking, startsAt: '2026-03-10 16:00:00', changedAt: later };

  it('is confirmed as the booking is by now, once', () => {
    const first = decisionOn('update', moved);
    expect(first).toEqual({
      outcome: 'store',
      booking: moved,
      announced: false,
      reason: 'first_seen_by_update',
    });
    expect(decisionOn('create', booking, moved, false)).toEqual({
      outcome: 'store',
      booking: moved,
      announced: true,
      notify: 'confirmation',
      reason: 'confirmation',
    });
    expect(decisionOn('create', booking, moved, true)).toMatchObject({ reason: 'older_than_known' });
  });

  it('is older than what followed also without dates', () => {
    const [undated, undatedMove] = [booking, moved].map((one) => ({ ...one, changedAt: undefined }));
    expect(decisionOn('create', undated, undatedMove, false)).toMatchObject({
      notify: 'confirmation',
      booking: { startsAt: moved.startsAt },
    });
  });

  it('says nothing of a booking that is cancelled by now', () => {
    expect(decisionOn('create', booking, { ...moved, cancelled: true }, false)).toMatchObject({
      reason: 'already_cancelled',
    });
  });
});

describe('an updated booking', () => {
  it.each([
    ['start', { startsAt: '2026-03-10 15:00:00' }],
    ['staff', { staffId: 33002 }],
    ['services', { services: [{ id: 44002, title: 'Окрашивание' }] }],
  ])('tells the client about another %s', (_what, difference) => {
    expect(decisionOn('update', { ...booking, ...difference, changedAt: later }, booking)).toMatchObject({
      notify: 'change',
    });
  });

  it('is silent about attendance marks, payments and the order of services', () => {
    const known = { ...booking, services: [...booking.services, { id: 44009, title: 'Укладка' }] };
    const marked = { ...known, services: known.services.toReversed(), changedAt: later };
    expect(decisionOn('update', marked, known)).toEqual({
      outcome: 'store',
      booking: marked,
      announced: true,
      reason: 'nothing_to_say',
    });
  });

  it('counts as told once the client has been written to, and stays so', () => {
    const change = { ...booking, staffId: 33002, changedAt: later };
    expect(decisionOn('update', change, booking, false)).toMatchObject({ notify: 'change', announced: true });
    expect(decisionOn('update', { ...booking, changedAt: later }, booking, true)).toMatchObject({
      announced: true,
    });
  });

  it('is silent when it is the first we hear of the record', () => {
    expect(decisionOn('update', booking)).not.toHaveProperty('notify');
  });

  it('does not overwrite a newer one', () => {
    const newer = { ...booking, changedAt: later };
    expect(decisionOn('update', { ...booking, startsAt: '2026-03-11 10:00:00' }, newer)).toMatchObject({
      outcome: 'ignore',
      reason: 'older_than_known',
    });
  });

  it('does not revive a cancelled booking', () => {
    expect(
      decisionOn('update', { ...booking, changedAt: later }, { ...booking, cancelled: true }),
    ).toMatchObject({
      outcome: 'ignore',
      reason: 'already_cancelled',
    });
  });
});

describe('a deleted booking', () => {
  it('is cancelled to the client, also when the event has no data', () => {
    expect(decisionOn('delete', undefined, booking)).toMatchObject({
      notify: 'cancellation',
      booking: { cancelled: true, clientPhone: '+79001112233' },
    });
  });

  it('may come as an update that says so', () => {
    expect(decisionOn('update', { ...booking, cancelled: true }, booking)).toMatchObject({
      notify: 'cancellation',
    });
  });

  it('is of no interest when we never knew it and it says nothing', () => {
    expect(decisionOn('delete', undefined)).toEqual({ outcome: 'ignore', reason: 'unknown_record' });
  });
});
