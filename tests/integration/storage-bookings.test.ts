import { describe, expect, it } from 'vitest';
import type { Booking } from '../../src/domain/booking.ts';
import type { CompanyId } from '../../src/domain/ids.ts';
import type { NewMessage } from '../../src/domain/message.ts';
import { engines, registeredCompany, useStore } from '../harness/storage.ts';

const booking: Booking = {
  recordId: 77,
  startsAt: '2026-03-10 14:30:00',
  staffId: 5,
  staffName: 'Анна О’Нил',
  services: [{ id: 1, title: 'Стрижка "каре"' }],
  clientPhone: '+79001234567',
  clientName: undefined,
  cancelled: false,
  changedAt: new Date('2026-03-01T09:00:00.000Z'),
};

describe.each(engines())('bookings in $name', ({ make }) => {
  const store = useStore(make);

  it('comes back as it was written, with its message and its event', async () => {
    const { bookings, messages, events } = store.repositories;
    const { id } = await registeredCompany(store.repositories);
    const message = confirmation(id, 'create:77');

    expect(await bookings.find(id, 77)).toBeUndefined();
    expect(
      await bookings.apply(id, { expectedVersion: 0, booking, announced: true, message, event: event(id) }),
    ).toBe('applied');

    expect(await bookings.find(id, 77)).toEqual({ booking, announced: true, version: 1 });
    expect(await messages.enqueue({ ...message, text: 'another' })).toMatchObject({ text: message.text });
    expect((await events.latest(id, 1))[0]).toMatchObject({
      type: 'webhook_processed',
      detail: { outcome: 'store' },
    });
  });

  it('is changed under the version that was read, and by one of two rivals', async () => {
    const { bookings } = store.repositories;
    const { id } = await registeredCompany(store.repositories);
    const apply = (expectedVersion: number, startsAt: string): Promise<'applied' | 'stale'> =>
      bookings.apply(id, {
        expectedVersion,
        booking: { ...booking, startsAt },
        announced: false,
        event: event(id),
      });

    const created = await Promise.all([apply(0, '2026-03-10 10:00:00'), apply(0, '2026-03-10 11:00:00')]);
    const changed = await Promise.all([1, 1, 1].map((version) => apply(version, '2026-03-11 12:00:00')));

    expect(created.toSorted()).toEqual(['applied', 'stale']);
    expect(changed.toSorted()).toEqual(['applied', 'stale', 'stale']);
    expect(await bookings.find(id, 77)).toMatchObject({
      version: 2,
      booking: { startsAt: '2026-03-11 12:00:00' },
    });
  });

  it('leaves no message and no event behind when it was stale or refused', async () => {
    const { bookings, events } = store.repositories;
    const { id } = await registeredCompany(store.repositories);
    const message = confirmation(id, 'never');

    expect(
      await bookings.apply(id, { expectedVersion: 3, booking, announced: true, message, event: event(id) }),
    ).toBe('stale');
    await expect(
      bookings.apply(id, {
        expectedVersion: 0,
        booking,
        announced: true,
        message: { ...message, phone: 'not a phone' },
        event: event(id),
      }),
    ).rejects.toMatchObject({ code: 'DB_ERROR' });
    await expect(
      bookings.apply(id, {
        expectedVersion: 0,
        booking,
        announced: true,
        message,
        event: { ...event(id), type: 'Not Snake' },
      }),
    ).rejects.toMatchObject({ code: 'DB_ERROR' });

    expect(await bookings.find(id, 77)).toBeUndefined();
    expect(await store.repositories.messages.nextDueAt(id)).toBeUndefined();
    expect((await events.latest(id, 10)).map(({ type }) => type)).toEqual(['company_registered']);
  });
});

function confirmation(companyId: CompanyId, idempotencyKey: string): NewMessage {
  return { companyId, kind: 'confirmation', idempotencyKey, phone: '+79001234567', text: 'Вы записаны' };
}

function event(companyId: CompanyId) {
  return { companyId, type: 'webhook_processed', cause: 'webhook:1', detail: { outcome: 'store' } };
}
