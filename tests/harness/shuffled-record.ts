import { array, boolean, constantFrom, integer, record, type Arbitrary } from 'fast-check';
import type { RecordEvent } from '../../src/domain/booking/booking-events.ts';
import { booking } from './bookings.ts';

/** The life of a record as the platform saw it, and the order in which we hear of it. */
export type Life = Readonly<{
  events: readonly RecordEvent[];
  heard: readonly number[];
  /** What its client knows at the end: a deletion without data tells nothing of a record that nobody knows. */
  end: 'latest state' | 'cancellation' | 'nothing';
}>;

const firstChange = Date.UTC(2026, 2, 1);

/** Created, changed some times, deleted or not; each event comes once or more, in any order. */
export const life: Arbitrary<Life> = record({
  changes: integer({ min: 0, max: 5 }),
  deletion: constantFrom('none', 'dated', 'undated', 'empty'),
  creationIsDated: boolean(),
  changeIsDated: boolean(),
  order: array(integer({ min: 0, max: 1_000 }), { minLength: 7, maxLength: 14 }),
}).map(({ changes, deletion, creationIsDated, changeIsDated, order }) => {
  const isDeleted = deletion !== 'none';
  const events = Array.from({ length: changes + 1 + Number(isDeleted) }, (_, index): RecordEvent => {
    const isDeletion = index === changes + 1;
    // Of several changes without a date nobody can tell the last.
    const isDated = isDeletion
      ? deletion === 'dated'
      : index === 0
        ? creationIsDated
        : changeIsDated || changes > 1;
    const state = booking({
      staffId: index + 1,
      startsAt: `2099-04-1${Math.min(index, changes)} 14:30:00`,
      cancelled: isDeletion,
      changedAt: isDated ? new Date(firstChange + index * 60_000) : undefined,
    });
    const status = index === 0 ? 'create' : isDeletion ? 'delete' : 'update';
    const { recordId, changedAt } = state;
    return { recordId, status, booking: isDeletion && deletion === 'empty' ? undefined : state, changedAt };
  });
  // Every event at least once, by a shuffle that the order decides; then repeats.
  const shuffled = events
    .map((_, index) => index)
    .toSorted((a, b) => (order[a] ?? 0) - (order[b] ?? 0) || a - b);
  const isUnknown = deletion === 'empty' && shuffled[0] === events.length - 1;
  return {
    events,
    heard: [...shuffled, ...order.map((n) => n % events.length)],
    end: isUnknown ? 'nothing' : isDeleted ? 'cancellation' : 'latest state',
  };
});
