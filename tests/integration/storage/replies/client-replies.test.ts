import { describe, expect, it } from 'vitest';
import type { Booking } from '../../../../src/domain/booking/booking.ts';
import { localTimeInHours, phone, RemindedSalon } from '../../../support/fixtures/reminded-salon.ts';
import { enqueue, newMessage, useStore } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import type { AttendanceReply } from '../../../../src/ports/client-replies.ts';

describe.each(engines())('an answer to a reminder in $name', ({ make }) => {
  const store = useStore(make);
  let answers = 0;

  it('is about the visit of which the client was reminded last', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    await salon.remind({ recordId: 1 });
    const later = await salon.remind({ recordId: 2, startsAt: localTimeInHours(2) });
    await enqueue(
      store.repositories.messages,
      newMessage(salon.company.id, { kind: 'reminder_2h', phone, recordId: 1 }),
    );
    expect(await take(salon)).toMatchObject({ reminderId: later.id, recordId: 2 });
    expect(await take(salon, { phone: '+79990000000' })).toBeUndefined();
  });

  it.each<[string, Partial<Booking>, number | undefined]>([
    ['begins in an hour by the clock of the salon', { startsAt: localTimeInHours(1) }, 2],
    ['began an hour ago by the clock of the salon', { startsAt: localTimeInHours(-1) }, 1],
    ['was cancelled', { startsAt: localTimeInHours(2), cancelled: true }, 1],
  ])('passes over a visit only when it is past or off: it %s', async (_what, changes, recordId) => {
    const salon = await RemindedSalon.open(store.repositories);
    await salon.remind({ recordId: 1 });
    await salon.remind({ recordId: 2, ...changes });
    expect((await take(salon))?.recordId).toBe(recordId);
  });

  it('that quotes a message is about what that one is about', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    const { whatsappMessageId: quotedId } = await salon.remind({ recordId: 1 });
    await salon.remind({ recordId: 2 });
    expect(await take(salon, { quotedId })).toMatchObject({ recordId: 1 });
    const offer = await enqueue(
      store.repositories.messages,
      newMessage(salon.company.id, { kind: 'confirmation', phone, recordId: 2 }),
    );
    expect(await take(salon, { quotedId: offer.whatsappMessageId })).toMatchObject({ recordId: 2 });
    expect(await take(salon, { quotedId: "of the salon's own phone" })).toBeUndefined();
  });

  it('stays about its visit, and is one event, however often it is taken', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    await salon.remind({ recordId: 1 });
    const first = await take(salon, { whatsappMessageId: 'A1' });
    expect(first).toMatchObject({ recordId: 1, isNew: true, differs: true });
    await salon.remind({ recordId: 2 });
    expect(await take(salon, { whatsappMessageId: 'A1' })).toEqual({ ...first, isNew: false });
    const events = await store.repositories.events.byRecord(salon.company.id, 1, 10);
    expect(events.filter(({ type }) => type === 'visit_confirmed_by_client')).toMatchObject([
      { cause: 'answer:A1', detail: { message_id: first?.reminderId } },
    ]);
  });

  it('differs when it says something else than the one before to the same reminder', async () => {
    const salon = await RemindedSalon.open(store.repositories);
    await salon.remind({ recordId: 1 });
    const differs: unknown[] = [];
    for (const answer of ['yes', 'yes', 'no', 'yes'] as const)
      differs.push((await take(salon, { answer }))?.isChanged);
    await salon.remind({ recordId: 2 });
    differs.push((await take(salon, { answer: 'yes' }))?.isChanged);
    expect(differs).toEqual([true, false, true, true, true]);
  });

  async function take(
    { company }: RemindedSalon,
    changes: Partial<
      Readonly<{ phone: string; answer: AttendanceReply; whatsappMessageId: string; quotedId: string }>
    > = {},
  ) {
    answers += 1;
    return await store.repositories.clientReplies.record(company.id, {
      phone,
      answer: 'yes',
      whatsappMessageId: `answer ${answers}`,
      ...changes,
    });
  }
});
