import { describe, expect, it } from 'vitest';
import { messageStatuses } from '../../../../src/domain/notification/message.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { enqueue, newMessage, registerCompany, useStore } from '../../../support/fixtures/storage.ts';

describe.each(engines())('message status in $name', ({ make }) => {
  const store = useStore(make);

  it('only moves forward, in any order of acks and receipts', async () => {
    const ladder = ['queued', 'sending', 'unknown', 'sent', 'delivered', 'read'];
    const allowed = new Set<string>();
    for (const from of messageStatuses) {
      for (const to of messageStatuses) {
        const forward =
          ladder.indexOf(to) > ladder.indexOf(from) && !['failed', 'expired', 'withdrawn'].includes(from);
        const fails = to === 'failed' && ['queued', 'sending', 'unknown', 'sent'].includes(from);
        const reachable = to !== 'sending' && (to !== 'unknown' || from === 'sending');
        if ((forward && reachable) || fails || (to === 'expired' && from === 'queued'))
          allowed.add(`${from} > ${to}`);
      }
    }
    const { messages } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    const stored = await enqueue(messages, newMessage(id));

    const moved = new Set<string>();
    for (const from of messageStatuses) {
      for (const to of messageStatuses) {
        await forceStatus(stored.id, from);
        const message = await messages.advance(id, stored.whatsappMessageId, to, '463');
        if (message !== undefined) moved.add(`${from} > ${to}`);
      }
    }

    expect(moved).toEqual(allowed);
  });

  it('stores the time of each step, also of skipped ones, and the failure code', async () => {
    const { messages } = store.repositories;
    const { id } = await registerCompany(store.repositories);
    const [read, failed] = [await enqueue(messages, newMessage(id)), await enqueue(messages, newMessage(id))];

    await messages.advance(id, read.whatsappMessageId, 'delivered');
    expect(await messages.advance(id, read.whatsappMessageId, 'sent')).toBeUndefined();
    await messages.advance(id, read.whatsappMessageId, 'read');
    await messages.advance(id, failed.whatsappMessageId, 'failed', '463');

    const after = await messages.byId(id, read.id);
    expect(after).toMatchObject({ status: 'read', errorCode: undefined });
    expect(after?.sentAt).toBeInstanceOf(Date);
    expect(after?.deliveredAt).toEqual(after?.sentAt);
    expect(after?.readAt?.getTime()).toBeGreaterThanOrEqual(after?.deliveredAt?.getTime() ?? Infinity);
    expect(await messages.byId(id, failed.id)).toMatchObject({
      status: 'failed',
      errorCode: '463',
      sentAt: undefined,
    });
    expect(await messages.advance(id, '3EB0UNKNOWN', 'sent')).toBeUndefined();
  });

  async function forceStatus(id: string, status: string): Promise<void> {
    await store.database.sql.transaction((session) =>
      session.query('update messages set status = $2 where id = $1', [id, status]),
    );
  }
});
