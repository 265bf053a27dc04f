import { assert, asyncProperty } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Company } from '../../../../src/domain/company/company.ts';
import { BookingSync } from '../../../../src/marketplace/bookings/booking-sync.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { eventHistory, type EventHistory } from '../../../support/fixtures/shuffled-events.ts';
import { registerCompany, useStore } from '../../../support/fixtures/storage.ts';

const now = new Date('2026-03-05T09:00:00Z');

/** Number of records; `SHUFFLED_RECORDS=1000` for the long run. */
const histories = Number(process.env['SHUFFLED_RECORDS'] ?? 200);

describe.each(engines())('shuffled webhooks of a record in $name', ({ make }) => {
  const store = useStore(make);

  it('end in the latest state with at most one queued notification', async () => {
    const company = { ...(await registerCompany(store.repositories)), timeZone: 'Europe/Moscow' };
    let recordId = 0;
    await assert(
      asyncProperty(eventHistory, async (history) => {
        recordId += 1;
        await deliver(company, recordId, history);
        const last = history.events.at(-1);
        const known = await store.repositories.bookings.find(company.id, recordId);
        const isDeleted = last?.status === 'delete';
        expect(known?.booking.cancelled).toBe(isDeleted);
        expect(isDeleted ? '' : known?.booking.startsAt).toBe(isDeleted ? '' : last?.booking?.startsAt);
        // Nothing has been sent yet, so at most one notification of the final state is queued.
        const kind = isDeleted ? 'cancellation' : 'confirmation';
        const staff = known?.booking.staffId ?? null;
        expect(await pendingNotifications(company.id, recordId)).toEqual(
          history.end === 'nothing' ? [] : [{ kind, staff }],
        );
      }),
      { numRuns: histories },
    );
  }, 300_000);

  async function deliver(
    company: Company,
    recordId: number,
    { events, deliveryOrder }: EventHistory,
  ): Promise<void> {
    const { bookings, settings, events: log } = store.repositories;
    const bookingSync = new BookingSync({
      bookings,
      settings,
      events: log,
      report: createBusinessEvents(captureLog(), createMetrics()),
      debounceMs: 0,
      now: () => now,
    });
    // The last three events are applied concurrently.
    const [sequential, concurrent] = [deliveryOrder.slice(0, -3), deliveryOrder.slice(-3)];
    const applyEvent = (index: number) => {
      const event = events[index % events.length];
      const { booking } = event ?? {};
      const data =
        booking === undefined
          ? []
          : {
              date: booking.startsAt,
              staff: { id: booking.staffId, name: 'Марина' },
              services: booking.services,
              client: { name: booking.clientName, phone: booking.clientPhone },
              deleted: booking.cancelled,
              last_change_date: booking.changedAt?.toISOString(),
            };
      return bookingSync.apply(company, { recordId, status: event?.status ?? 'update', data, cause: 'test' });
    };
    for (const index of sequential) await applyEvent(index);
    await Promise.all(concurrent.map(applyEvent));
  }

  async function pendingNotifications(companyId: number, recordId: number): Promise<unknown[]> {
    return [
      ...(await store.database.sql.transaction((session) =>
        session.query(
          `select kind, (notifies ->> 'staffId')::int as staff from messages
           where company_id = $1 and record_id = $2 and status = 'queued' and notifies is not null`,
          [companyId, recordId],
        ),
      )),
    ];
  }
});
