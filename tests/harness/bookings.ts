import type { Booking, KnownBooking, Told } from '../../src/domain/booking/booking.ts';
import { toldOf } from '../../src/domain/booking/booking-events.ts';

/** A visit on a Tuesday in March at half past two. */
export function booking(changes: Partial<Booking> = {}): Booking {
  return {
    recordId: 880_010_001,
    startsAt: '2026-03-10 14:30:00',
    staffId: 33_001,
    staffName: 'Марина',
    services: [{ id: 44_001, title: 'Стрижка' }],
    clientPhone: '+79001112233',
    clientName: 'Ольга',
    cancelled: false,
    attendance: 0,
    online: false,
    durationSeconds: 3_600,
    createdAt: new Date('2026-03-01T09:00:00Z'),
    changedAt: new Date('2026-03-01T09:00:00Z'),
    ...changes,
  };
}

/** A booking whose client has heard nothing yet. */
export function knownBooking(changes: Partial<Booking> = {}): KnownBooking {
  return {
    booking: booking(changes),
    creationSeen: true,
    startKnownAt: new Date('2026-03-01T09:00:00Z'),
    told: undefined,
    toldCount: 0,
  };
}

/** A booking whose client knows all of it. */
export function toldBooking(changes: Partial<Booking> = {}): KnownBooking & Readonly<{ told: Told }> {
  const known = knownBooking(changes);
  const told = toldOf(known);
  if (told === undefined) throw new Error('Nobody to tell');
  return { ...known, told, toldCount: 1 };
}
