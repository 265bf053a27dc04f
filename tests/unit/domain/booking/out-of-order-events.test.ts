import { assert, property } from 'fast-check';
import { expect, it } from 'vitest';
import { reduceBooking } from '../../../../src/domain/booking/booking-events.ts';
import type { KnownBooking } from '../../../../src/domain/booking/booking.ts';
import { planMessages, type PlannedMessage } from '../../../../src/domain/notification/notification-plan.ts';
import { defaultNotificationSettings } from '../../../../src/domain/notification/settings.ts';
import { eventHistory } from '../../../support/fixtures/shuffled-events.ts';

const now = new Date('2026-03-05T09:00:00Z');
const notificationKinds = new Set(['confirmation', 'change', 'cancellation']);

/** What a client is told when each message goes before the next event comes. */
function tell(known: KnownBooking, said: PlannedMessage[]): KnownBooking {
  const options = { settings: defaultNotificationSettings, now, timeZone: 'Europe/Moscow', debounceMs: 0 };
  const message = planMessages(known, options).messages.find(({ kind }) => notificationKinds.has(kind));
  if (message?.notifies === undefined) return known;
  said.push(message);
  return { ...known, notified: message.notifies, notificationCount: known.notificationCount + 1 };
}

it('ends in the latest state, tells it, and says nothing twice, in 1,000 shuffled lives of a record', () => {
  assert(
    property(eventHistory, ({ events, deliveryOrder, end }) => {
      const said: PlannedMessage[] = [];
      let known: KnownBooking | undefined;
      for (const index of deliveryOrder) {
        const event = events[index];
        if (event === undefined) continue;
        const applied = reduceBooking(event, known, now);
        if (applied.outcome === 'store') known = tell(applied.known, said);
      }
      const last = events.at(-1);
      // Once it is known to be gone, nothing is older or newer.
      const isGone = last?.status === 'delete';
      const cancellations = said.filter(({ kind }) => kind === 'cancellation').length;
      const confirmations = said.filter(({ kind }) => kind === 'confirmation').length;
      expect({
        cancelled: known?.booking.cancelled,
        state: isGone ? undefined : known?.booking,
        toldOfEnd: known?.notified?.cancelled,
        toldStart: isGone ? undefined : known?.notified?.startsAt,
        cancellations,
        toldLast: isGone ? said.at(-1)?.kind : undefined,
      }).toEqual({
        cancelled: isGone,
        state: isGone ? undefined : last?.booking,
        toldOfEnd: end === 'nothing' ? undefined : isGone,
        toldStart: isGone ? undefined : last?.booking?.startsAt,
        cancellations: Number(end === 'cancellation'),
        toldLast: end === 'cancellation' ? 'cancellation' : undefined,
      });
      expect(confirmations).toBeLessThanOrEqual(1);
      expect(new Set(said.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(said.length);
    }),
    { numRuns: 1_000 },
  );
});
