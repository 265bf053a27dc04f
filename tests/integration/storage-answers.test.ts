import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import type { Booking } from '../../src/domain/booking.ts';
import type { CompanyId } from '../../src/domain/ids.ts';
import type { Lease } from '../../src/marketplace/ports.ts';
import { booking, knownBooking } from '../harness/bookings.ts';
import { claimed, engines, enqueued, newCompany, newMessage, useStore } from '../harness/storage.ts';

const hourMs = 60 * 60_000;
const timeZone = 'Asia/Vladivostok';
const { clientPhone = '' } = booking();

describe.each(engines())('an answer to a reminder in $name', ({ make }) => {
  const store = useStore(make);

  it('is about the visit of which the client was reminded last', async () => {
    const { messages } = store.repositories;
    const salon = await connectedSalon();
    await remind(salon, { recordId: 1, startsAt: inHours(24) });
    const later = await remind(salon, { recordId: 2, startsAt: inHours(2) });
    await enqueued(messages, newMessage(salon.id, { kind: 'reminder_2h', phone: clientPhone, recordId: 1 }));
    expect(await messages.latestReminder(salon.id, clientPhone)).toEqual({ messageId: later, recordId: 2 });
    expect(await messages.latestReminder(salon.id, '+79990000000')).toBeUndefined();
  });

  it.each<[string, Partial<Booking>, number | undefined]>([
    ['begins in an hour by the clock of the salon', { startsAt: inHours(1) }, 2],
    ['began an hour ago by the clock of the salon', { startsAt: inHours(-1) }, 1],
    ['was cancelled', { startsAt: inHours(2), cancelled: true }, 1],
  ])('passes over a visit only when it is past or off: it %s', async (_what, changes, recordId) => {
    const { messages } = store.repositories;
    const salon = await connectedSalon();
    await remind(salon, { recordId: 1, startsAt: inHours(24) });
    await remind(salon, { recordId: 2, ...changes });
    expect((await messages.latestReminder(salon.id, clientPhone))?.recordId).toBe(recordId);
  });

  async function remind(salon: Readonly<{ id: CompanyId; lease: Lease }>, changes: Partial<Booking>) {
    const { bookings, messages } = store.repositories;
    const known = knownBooking(changes);
    const { recordId } = known.booking;
    await bookings.apply(salon.id, {
      expectedVersion: 0,
      known,
      plan: [],
      event: { companyId: salon.id, type: 'webhook_processed', cause: 'webhook:1' },
    });
    await enqueued(messages, newMessage(salon.id, { kind: 'reminder_24h', phone: clientPhone, recordId }));
    const message = await claimed(messages, salon.lease);
    if (message === undefined) throw new Error('The reminder should go');
    await messages.handedOver(salon.lease, message.id);
    return message.id;
  }

  async function connectedSalon(): Promise<{ id: CompanyId; lease: Lease }> {
    const { companies, leases } = store.repositories;
    const { id } = (await companies.createOrFind(newCompany({ timeZone }))).company;
    const lease = await leases.acquire(id, 'owner', hourMs);
    if (lease === undefined) throw new Error('No lease');
    return { id, lease };
  }
});

function inHours(hours: number): string {
  return DateTime.now().setZone(timeZone).plus({ hours }).toFormat('yyyy-MM-dd HH:mm:ss');
}
