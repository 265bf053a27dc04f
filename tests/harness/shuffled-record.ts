import { array, boolean, integer, record, type Arbitrary } from 'fast-check';
import type { RecordEvent } from '../../src/domain/booking-change.ts';
import { booking } from './bookings.ts';

/** The life of a record as the platform saw it, and the order in which we hear of it. */
export type Life = Readonly<{ events: readonly RecordEvent[]; heard: readonly number[] }>;

const firstChange = Date.UTC(2026, 2, 1);

/** Created, changed some times, deleted or not; each event comes once or more, in any order. */
export const life: Arbitrary<Life> = record({
  changes: integer({ min: 0, max: 5 }),
  deleted: boolean(),
  order: array(integer({ min: 0, max: 1_000 }), { minLength: 7, maxLength: 14 }),
}).map(({ changes, deleted, order }) => {
  const events = Array.from({ length: changes + 1 + Number(deleted) }, (_, index): RecordEvent => {
    const isDeletion = deleted && index === changes + 1;
    const state = booking({
      staffId: index + 1,
      startsAt: `2099-04-1${Math.min(index, changes)} 14:30:00`,
      cancelled: isDeletion,
      changedAt: new Date(firstChange + index * 60_000),
    });
    const status = index === 0 ? 'create' : isDeletion ? 'delete' : 'update';
    return { status, booking: state, changedAt: state.changedAt };
  });
  // Every event at least once, by a shuffle that the order decides; then repeats.
  const shuffled = events
    .map((_, index) => index)
    .toSorted((a, b) => (order[a] ?? 0) - (order[b] ?? 0) || a - b);
  return { events, heard: [...shuffled, ...order.map((n) => n % events.length)] };
});
