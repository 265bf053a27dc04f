import { describe, expect, it } from 'vitest';
import type { Booking } from '../../../../src/domain/booking/booking.ts';
import type { AttendanceReply } from '../../../../src/ports/client-replies.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { localTimeInHours, phone, RemindedSalon } from '../../../support/fixtures/reminded-salon.ts';
import { enqueue, newMessage, useStore } from '../../../support/fixtures/storage.ts';

describe.each(engines())('an answer to a reminder in $name', ({ make }) => {
  const store = useStore(make);
  let replyCount = 0;

  it('refers to the visit of the last reminder', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    await salon.remind({ recordId: 1 });
    const later = await salon.remind({ recordId: 2, startsAt: localTimeInHours(2) });
    await enqueue(
      store.repositories.messages,
      newMessage(salon.company.id, { kind: 'reminder_2h', phone, recordId: 1 }),
    );
    expect(await record(salon)).toMatchObject({ reminderId: later.id, recordId: 2 });
    expect(await record(salon, { phone: '+79990000000' })).toBeUndefined();
  });

  it.each<[string, Partial<Booking>, number | undefined]>([
    ['begins in an hour by the clock of the salon', { startsAt: localTimeInHours(1) }, 2],
    ['began an hour ago by the clock of the salon', { startsAt: localTimeInHours(-1) }, 1],
    ['was cancelled', { startsAt: localTimeInHours(2), cancelled: true }, 1],
  ])(
    'refers to the last visit that is upcoming and not cancelled: it %s',
    async (_what, changes, recordId) => {
      const salon = await RemindedSalon.open(store.repositories);
      await salon.remind({ recordId: 1 });
      await salon.remind({ recordId: 2, ...changes });
      expect((await record(salon))?.recordId).toBe(recordId);
    },
  );

  it('that quotes a message refers to the visit of that message', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    const { whatsappMessageId: quotedId } = await salon.remind({ recordId: 1 });
    await salon.remind({ recordId: 2 });
    expect(await record(salon, { quotedId })).toMatchObject({ recordId: 1 });
    const confirmation = await enqueue(
      store.repositories.messages,
      newMessage(salon.company.id, { kind: 'confirmation', phone, recordId: 2 }),
    );
    expect(await record(salon, { quotedId: confirmation.whatsappMessageId })).toMatchObject({ recordId: 2 });
    expect(await record(salon, { quotedId: 'sent from the phone of the salon' })).toBeUndefined();
  });

  it('keeps its visit and records one event when repeated', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    await salon.remind({ recordId: 1 });
    const first = await record(salon, { whatsappMessageId: 'A1' });
    expect(first).toMatchObject({ recordId: 1, isNew: true, isChanged: true });
    await salon.remind({ recordId: 2 });
    expect(await record(salon, { whatsappMessageId: 'A1' })).toEqual({ ...first, isNew: false });
    const events = await store.repositories.events.byRecord(salon.company.id, 1, 10);
    expect(events.filter(({ type }) => type === 'visit_confirmed_by_client')).toMatchObject([
      { cause: 'answer:A1', detail: { message_id: first?.reminderId } },
    ]);
  });

  it('is changed when it differs from the previous answer to the same reminder', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    await salon.remind({ recordId: 1 });
    const changed: unknown[] = [];
    for (const answer of ['yes', 'yes', 'no', 'yes'] as const)
      changed.push((await record(salon, { answer }))?.isChanged);
    await salon.remind({ recordId: 2 });
    changed.push((await record(salon, { answer: 'yes' }))?.isChanged);
    expect(changed).toEqual([true, false, true, true, true]);
  });

  async function record(
    { company }: RemindedSalon,
    changes: Partial<
      Readonly<{ phone: string; answer: AttendanceReply; whatsappMessageId: string; quotedId: string }>
    > = {},
  ) {
    replyCount += 1;
    return await store.repositories.clientReplies.record(company.id, {
      phone,
      answer: 'yes',
      whatsappMessageId: `answer ${replyCount}`,
      ...changes,
    });
  }
});
