import { assert, property } from 'fast-check';
import { expect, it } from 'vitest';
import { reduceBooking } from '../../../../src/domain/booking/booking-events.ts';
import type { KnownBooking } from '../../../../src/domain/booking/booking.ts';
import { planMessages, type PlannedMessage } from '../../../../src/domain/notification/notification-plan.ts';
import { defaultNotificationSettings } from '../../../../src/domain/notification/settings.ts';
import { eventHistory } from '../../../support/fixtures/shuffled-events.ts';

const now = new Date('2026-03-05T09:00:00Z');
const notificationKinds = new Set(['confirmation', 'change', 'cancellation']);

/** Sends the planned notification before the next event. */
function sendNotification(known: KnownBooking, sent: PlannedMessage[]): KnownBooking {
  const options = { settings: defaultNotificationSettings, now, timeZone: 'Europe/Moscow', debounceMs: 0 };
  const message = planMessages(known, options).messages.find(({ kind }) => notificationKinds.has(kind));
  if (message?.notifies === undefined) return known;
  sent.push(message);
  return { ...known, notified: message.notifies, notificationCount: known.notificationCount + 1 };
}

it('ends in the latest state and notifies of it once, for 1,000 shuffled event histories', () => {
  assert(
    property(eventHistory, ({ events, deliveryOrder, end }) => {
      const sent: PlannedMessage[] = [];
      let known: KnownBooking | undefined;
      for (const index of deliveryOrder) {
        const event = events[index];
        if (event === undefined) continue;
        const transition = reduceBooking(event, known, now);
        if (transition.outcome === 'store') known = sendNotification(transition.known, sent);
      }
      const last = events.at(-1);
      // The final state of a deleted record is not compared: which event cancelled it depends on the order.
      const isDeleted = last?.status === 'delete';
      const cancellations = sent.filter(({ kind }) => kind === 'cancellation').length;
      const confirmations = sent.filter(({ kind }) => kind === 'confirmation').length;
      expect({
        cancelled: known?.booking.cancelled,
        state: isDeleted ? undefined : known?.booking,
        notifiedCancelled: known?.notified?.cancelled,
        notifiedStart: isDeleted ? undefined : known?.notified?.startsAt,
        cancellations,
        lastKind: isDeleted ? sent.at(-1)?.kind : undefined,
      }).toEqual({
        cancelled: isDeleted,
        state: isDeleted ? undefined : last?.booking,
        notifiedCancelled: end === 'nothing' ? undefined : isDeleted,
        notifiedStart: isDeleted ? undefined : last?.booking?.startsAt,
        cancellations: Number(end === 'cancellation'),
        lastKind: end === 'cancellation' ? 'cancellation' : undefined,
      });
      expect(confirmations).toBeLessThanOrEqual(1);
      expect(new Set(sent.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(sent.length);
    }),
    { numRuns: 1_000 },
  );
});
