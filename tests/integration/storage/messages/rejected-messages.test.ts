import { describe, expect, it } from 'vitest';
import type { Message, NewMessage } from '../../../../src/domain/notification/message.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { leasedCompany } from '../../../support/fixtures/leased-company.ts';
import { claimNext, enqueue, newMessage, useStore } from '../../../support/fixtures/storage.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

describe.each(engines())('a message rejected by WhatsApp in $name', ({ make }) => {
  const store = useStore(make);

  it.each(['463', '429'])(
    'with %s is retried once under the same id after five minutes, then fails',
    async (code) => {
      const { companyId, clock, claim, reject } = await salon();
      const message = await claim({}, 'known contact');
      expect(await reject(message, code)).toMatchObject({ status: 'queued', errorCode: code });
      await clock.advance(5 * minuteMs - 2_000);
      expect(await claim()).toBeUndefined();
      await clock.advance(3_000);
      const again = await claim();
      expect(again).toMatchObject({ whatsappMessageId: message?.whatsappMessageId, attempts: 2 });
      expect(again?.errorCode).toBeUndefined();
      expect(await reject(again, code)).toMatchObject({ status: 'failed', errorCode: code });
      await clock.advance(3 * dayMs);
      expect(await claim()).toBeUndefined();
      const events = await store.repositories.events.latest(companyId, 50);
      expect(events.filter(({ type }) => type === 'message_refused')).toHaveLength(1);
    },
  );

  it('is counted once when its ack is repeated', async () => {
    const { reject, claim } = await salon();
    const message = await claim({}, 'known contact');
    expect(await reject(message, '463')).toMatchObject({ status: 'queued' });
    expect(await reject(message, '463')).toBeUndefined();
  });

  it('fails at once when it expires before the retry', async () => {
    const { reject, claim } = await salon();
    const message = await claim({ expiresAt: new Date(Date.now() + 4 * minuteMs) });
    expect(await reject(message, '463')).toMatchObject({ status: 'failed', errorCode: '463' });
  });

  it('restricts new chats only until WhatsApp reports no timelock', async () => {
    const { companyId, claim, reject } = await salon();
    const { restrictions } = store.repositories;
    await reject(await claim({ expiresAt: new Date(Date.now() + 4 * minuteMs) }), '463');
    await enqueue(store.repositories.messages, newMessage(companyId));
    expect(await claim()).toBeUndefined();
    expect(await restrictions.due(dayMs)).toContain(companyId);
    await restrictions.record(companyId, { source: 'asked', result: 'free' });
    expect(await restrictions.current(companyId)).toBeUndefined();
    expect(await claim()).toBeDefined();
  });

  it.each(['463', '429'])('with %s has no effect when it is not from the outbox', async (code) => {
    const { companyId, claim } = await salon();
    const { events, messages } = store.repositories;
    const before = await events.latest(companyId, 50);
    expect(await messages.advance(companyId, '3EB0FOREIGN', 'failed', code)).toBeUndefined();
    expect(await events.latest(companyId, 50)).toEqual(before);
    expect(await claim({})).toBeDefined();
  });

  it('fails at once with another code', async () => {
    const { reject, claim } = await salon();
    expect(await reject(await claim({}), '479')).toMatchObject({ status: 'failed', errorCode: '479' });
  });

  it('with 429 pauses all messages of the number', async () => {
    const { companyId, clock, claim, reject } = await salon();
    const { messages } = store.repositories;
    const message = await claim({});
    await enqueue(messages, newMessage(companyId));
    await reject(message, '429');
    expect(await claim()).toBeUndefined();
    await clock.advance(5 * minuteMs + 1_000);
    expect(await claim()).toBeDefined();
  });

  /** A connected company with its lease; claims and rejects messages as the outbox does. */
  async function salon() {
    const { companyId, lease, clock } = await leasedCompany(store);
    const { companies, contacts, messages } = store.repositories;
    await companies.recordSession(companyId, { state: 'connected' });
    /** Claims the next message; enqueues one first when `changes` is given. */
    const claim = async (
      changes?: Partial<NewMessage>,
      who: 'known contact' | 'new contact' = 'new contact',
    ): Promise<Message | undefined> => {
      if (changes !== undefined) {
        const message = await enqueue(messages, newMessage(companyId, changes));
        if (who === 'known contact') await contacts.received(companyId, message.phone);
      }
      return claimNext(messages, lease);
    };
    const reject = async (message: Message | undefined, code: string): Promise<Message | undefined> => {
      if (message === undefined) throw new Error('No message');
      await messages.markDispatched(lease, message.id);
      return messages.advance(companyId, message.whatsappMessageId, 'failed', code);
    };
    return { companyId, clock, claim, reject };
  }
});
