import { describe, expect, it } from 'vitest';
import type { Message, NewMessage } from '../../../../src/domain/notification/message.ts';
import { leasedCompany } from '../../../support/fixtures/leased-company.ts';
import { claimNext, enqueue, newMessage, useStore } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

describe.each(engines())('a message that WhatsApp refuses in $name', ({ make }) => {
  const store = useStore(make);

  it.each(['463', '429'])(
    'with %s waits five minutes and keeps its id; refused again it fails',
    async (code) => {
      const { companyId, clock, give, refuse } = await salon();
      const message = await give({}, 'has a chat');
      expect(await refuse(message, code)).toMatchObject({ status: 'queued', errorCode: code });
      await clock.advance(5 * minuteMs - 2_000);
      expect(await give()).toBeUndefined();
      await clock.advance(3_000);
      const again = await give();
      expect(again).toMatchObject({ whatsappMessageId: message?.whatsappMessageId, attempts: 2 });
      expect(again?.errorCode).toBeUndefined();
      expect(await refuse(again, code)).toMatchObject({ status: 'failed', errorCode: code });
      await clock.advance(3 * dayMs);
      expect(await give()).toBeUndefined();
      const events = await store.repositories.events.latest(companyId, 50);
      expect(events.filter(({ type }) => type === 'message_refused')).toHaveLength(1);
    },
  );

  it('twice for one attempt, as a repeated ack says, is refused once', async () => {
    const { refuse, give } = await salon();
    const message = await give({}, 'has a chat');
    expect(await refuse(message, '463')).toMatchObject({ status: 'queued' });
    expect(await refuse(message, '463')).toBeUndefined();
  });

  it('fails at once when it would be of no use in five minutes', async () => {
    const { refuse, give } = await salon();
    const message = await give({ expiresAt: new Date(Date.now() + 4 * minuteMs) });
    expect(await refuse(message, '463')).toMatchObject({ status: 'failed', errorCode: '463' });
  });

  it('and that is of no use later holds no new chats when WhatsApp says that there is no lock', async () => {
    const { companyId, give, refuse } = await salon();
    const { restrictions } = store.repositories;
    await refuse(await give({ expiresAt: new Date(Date.now() + 4 * minuteMs) }), '463');
    await enqueue(store.repositories.messages, newMessage(companyId));
    expect(await give()).toBeUndefined();
    expect(await restrictions.due(dayMs)).toContain(companyId);
    await restrictions.record(companyId, { source: 'asked', result: 'free' });
    expect(await restrictions.current(companyId)).toBeUndefined();
    expect(await give()).toBeDefined();
  });

  it.each(['463', '429'])('with %s and is none of the outbox holds nobody', async (code) => {
    const { companyId, give } = await salon();
    const { events, messages } = store.repositories;
    const before = await events.latest(companyId, 50);
    expect(await messages.advance(companyId, '3EB0NOTOURS', 'failed', code)).toBeUndefined();
    expect(await events.latest(companyId, 50)).toEqual(before);
    expect(await give({})).toBeDefined();
  });

  it('with another code fails at once', async () => {
    const { refuse, give } = await salon();
    expect(await refuse(await give({}), '479')).toMatchObject({ status: 'failed', errorCode: '479' });
  });

  it('with 429 makes all others of the number wait as well', async () => {
    const { companyId, clock, give, refuse } = await salon();
    const { messages } = store.repositories;
    const message = await give({});
    await enqueue(messages, newMessage(companyId));
    await refuse(message, '429');
    expect(await give()).toBeUndefined();
    await clock.advance(5 * minuteMs + 1_000);
    expect(await give()).toBeDefined();
  });

  /** A company that holds its lease, and what its outbox would do. */
  async function salon() {
    const { companyId, lease, clock } = await leasedCompany(store);
    const { companies, contacts, messages } = store.repositories;
    await companies.recordSession(companyId, { state: 'connected' });
    /** What is due now; a message that is named is wanted first. */
    const give = async (
      changes?: Partial<NewMessage>,
      who: 'has a chat' | 'is new' = 'is new',
    ): Promise<Message | undefined> => {
      if (changes !== undefined) {
        const message = await enqueue(messages, newMessage(companyId, changes));
        if (who === 'has a chat') await contacts.received(companyId, message.phone);
      }
      return claimNext(messages, lease);
    };
    const refuse = async (message: Message | undefined, code: string): Promise<Message | undefined> => {
      if (message === undefined) throw new Error('There is no message');
      await messages.markDispatched(lease, message.id);
      return messages.advance(companyId, message.whatsappMessageId, 'failed', code);
    };
    return { companyId, clock, give, refuse };
  }
});
