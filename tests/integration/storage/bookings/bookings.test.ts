import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { BookingState } from '../../../../src/domain/booking/booking.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import type { NewMessage } from '../../../../src/domain/notification/message.ts';
import type { Lease } from '../../../../src/ports/sessions.ts';
import { booking, bookingState, notifiedBooking } from '../../../support/fixtures/bookings.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import {
  claimNext,
  newMessage,
  nextDueAt,
  registerCompany,
  useStore,
} from '../../../support/fixtures/storage.ts';

const phone = '+79001112233';
const { recordId } = booking();

describe.each(engines())('bookings in $name', ({ make }) => {
  const store = useStore(make);

  it('are stored with their messages and events', async () => {
    const { bookings, messages, events } = store.repositories;
    const { id } = await registerCompany(store.repositories);

    expect(await bookings.find(id, recordId)).toBeUndefined();
    const applied = await apply(id, 0, bookingState(), [draftMessage(id, 'confirmation')]);

    expect(await bookings.find(id, recordId)).toEqual({ ...bookingState(), version: 1 });
    if (applied === 'stale') throw new Error('stale');
    const [queued] = applied.queued;
    expect(await messages.byId(id, queued?.id ?? '')).toMatchObject({ status: 'queued', recordId });
    expect((await events.byRecord(id, recordId, 10)).map(({ type, cause }) => `${type} ${cause}`)).toEqual([
      'webhook_processed webhook:1',
      'message_queued webhook:1',
    ]);
  });

  it('are updated by one of several concurrent writers of the same version', async () => {
    const { bookings } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    const applyConcurrently = (version: number, count: number) =>
      Promise.all(
        Array.from({ length: count }, (_, staffId) =>
          apply(id, version, bookingState({ staffId: staffId + 1 })),
        ),
      );

    expect((await applyConcurrently(0, 2)).filter((outcome) => outcome === 'stale')).toHaveLength(1);
    expect((await applyConcurrently(1, 3)).filter((outcome) => outcome === 'stale')).toHaveLength(2);
    expect(await bookings.find(id, recordId)).toMatchObject({ version: 2 });
  });

  it('store no message or event when the write is stale or rejected', async () => {
    const { bookings, events } = store.repositories;
    const { id } = await registerCompany(store.repositories);

    expect(await apply(id, 3, bookingState(), [draftMessage(id, 'confirmation')])).toBe('stale');
    await expect(
      apply(id, 0, bookingState(), [draftMessage(id, 'confirmation', { phone: 'not a phone' })]),
    ).rejects.toMatchObject({ code: 'DB_ERROR' });

    expect(await bookings.find(id, recordId)).toBeUndefined();
    expect((await events.latest(id, 10)).map(({ type }) => type)).toEqual(['company_registered']);
  });

  it('withdraw messages that the new plan omits and keep the others', async () => {
    const { id } = await registerCompany(store.repositories);
    const [confirmation, reminder] = [draftMessage(id, 'confirmation'), draftMessage(id, 'reminder_24h')];
    await apply(id, 0, bookingState(), [confirmation, reminder]);
    await apply(id, 1, bookingState(), [reminder, draftMessage(id, 'change')]);

    expect(await statuses(id)).toEqual({
      confirmation: 'withdrawn',
      reminder_24h: 'queued',
      change: 'queued',
    });
    await apply(id, 2, bookingState(), [confirmation]);
    expect(await statuses(id)).toEqual({
      confirmation: 'queued',
      reminder_24h: 'withdrawn',
      change: 'withdrawn',
    });
  });

  it('keep the due time of an unchanged notification and replace that of a changed one', async () => {
    const { messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const soon = new Date(Date.now() + 60_000);
    const change = draftMessage(id, 'change', { notifies: notifiedBooking().notified, notBefore: soon });
    await apply(id, 0, bookingState(), [change]);
    await apply(id, 1, bookingState(), [
      { ...change, notBefore: new Date(soon.getTime() + 60_000), text: 'b' },
    ]);
    expect(await nextDueAt(messages, lease)).toEqual(soon);

    const later = new Date(soon.getTime() + 90_000);
    await apply(id, 2, bookingState(), [
      { ...change, notBefore: later, notifies: notifiedBooking({ staffId: 2 }).notified },
    ]);
    expect(await nextDueAt(messages, lease)).toEqual(later);
  });

  it('set the notified state when a message is claimed and revert it on release', async () => {
    const { bookings, messages } = store.repositories;
    const { id, lease } = await connectedCompany();
    const { notified } = notifiedBooking();
    await apply(id, 0, bookingState(), [draftMessage(id, 'confirmation', { notifies: notified })]);

    const message = await claimNext(messages, lease);
    expect(await bookings.find(id, recordId)).toMatchObject({ notified, notificationCount: 1, version: 2 });
    await messages.release(lease, message?.id ?? '', 0);
    expect(await bookings.find(id, recordId)).toEqual({ ...bookingState(), version: 3 });

    expect(await waitFor('the retry', () => claimNext(messages, lease))).toMatchObject({ id: message?.id });
    expect(await bookings.find(id, recordId)).toMatchObject({ notified, notificationCount: 1 });
    // The version read before the claim is stale.
    expect(await apply(id, 3, bookingState())).toBe('stale');
  });

  it('queue only cancellations for a client who has opted out', async () => {
    const { contacts } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    await apply(id, 0, bookingState(), [draftMessage(id, 'confirmation'), draftMessage(id, 'reminder_24h')]);
    expect(await contacts.optOut(id, phone, 'answer:1')).toBe(true);
    expect(await statuses(id)).toEqual({ confirmation: 'withdrawn', reminder_24h: 'withdrawn' });

    await apply(id, 1, bookingState(), [draftMessage(id, 'reminder_2h'), draftMessage(id, 'cancellation')]);
    expect(await statuses(id)).toMatchObject({ cancellation: 'queued' });
    expect(await statuses(id)).not.toHaveProperty('reminder_2h');
    expect(await contacts.optOut(id, phone, 'answer:2')).toBe(false);
    expect((await contacts.optedOut(id, 10)).map((contact) => contact.phone)).toEqual([phone]);
    expect(await contacts.optIn(id, phone, 'answer:3')).toBe(true);
    await apply(id, 2, bookingState(), [draftMessage(id, 'reminder_2h')]);
    expect(await statuses(id)).toMatchObject({ reminder_2h: 'queued' });
  });

  it('are listed by page while upcoming, optionally for one client', async () => {
    const { bookings } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    for (const record of [1, 2, 3, 4]) {
      const past = record === 2 ? { startsAt: '2026-03-01 10:00:00' } : {};
      const other = record === 4 ? { clientPhone: '+79005556677' } : {};
      await apply(id, 0, bookingState({ recordId: record, ...past, ...other, cancelled: record === 3 }));
    }
    const page = { from: '2026-03-05 00:00:00', afterRecordId: 0, limit: 10 };
    expect(await bookings.upcoming(id, page)).toEqual([1, 4]);
    expect(await bookings.upcoming(id, { ...page, limit: 1 })).toEqual([1]);
    expect(await bookings.upcoming(id, { ...page, afterRecordId: 1 })).toEqual([4]);
    expect(await bookings.upcoming(id, { ...page, phone: '+79005556677' })).toEqual([4]);
  });

  const apply = (
    id: CompanyId,
    expectedVersion: number,
    state: BookingState,
    plan: readonly NewMessage[] = [],
  ) =>
    store.repositories.bookings.apply(id, {
      expectedVersion,
      state,
      plan,
      event: {
        companyId: id,
        type: 'webhook_processed',
        cause: 'webhook:1',
        detail: { record_id: recordId, outcome: 'test' },
      },
    });

  async function connectedCompany(): Promise<{ id: CompanyId; lease: Lease }> {
    const { id } = await registerCompany(store.repositories);
    const lease = await store.repositories.leases.acquire(id, 'owner', 60_000);
    if (lease === undefined) throw new Error('No lease');
    return { id, lease };
  }

  /** The status of the newest message of each kind. */
  async function statuses(id: CompanyId): Promise<Record<string, unknown>> {
    const rows = await store.database.sql.transaction((session) =>
      session.query('select kind, status from messages where company_id = $1 order by sequence', [id]),
    );
    return Object.fromEntries(rows.map(({ kind, status }) => [String(kind), status]));
  }
});

function draftMessage(
  companyId: CompanyId,
  kind: NewMessage['kind'],
  changes: Partial<NewMessage> = {},
): NewMessage {
  return newMessage(companyId, { kind, phone, recordId, idempotencyKey: kind, ...changes });
}
