import { describe, expect, it } from 'vitest';
import type { CompanyId } from '../../src/domain/ids.ts';
import type { Message, NewMessage } from '../../src/domain/message.ts';
import type { Lease } from '../../src/marketplace/ports.ts';
import {
  claimed,
  engines,
  enqueued,
  newMessage,
  newPhone,
  registeredCompany,
  useStore,
} from '../harness/storage.ts';
import { TimeTraveller } from '../harness/time-traveller.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const asked = { source: 'asked' } as const;

describe.each(engines())('a message that WhatsApp refuses in $name', ({ make }) => {
  const store = useStore(make);

  it.each(['463', '429'])(
    'with %s waits five minutes and keeps its id; refused again it fails',
    async (code) => {
      const { companyId, time, give, refuse } = await salon();
      const message = await give({}, 'has a chat');
      expect(await refuse(message, code)).toMatchObject({ status: 'queued', errorCode: code });
      await time.pass(5 * minuteMs - 2_000);
      expect(await give()).toBeUndefined();
      await time.pass(3_000);
      const again = await give();
      expect(again).toMatchObject({ whatsappMessageId: message?.whatsappMessageId, attempts: 2 });
      expect(again?.errorCode).toBeUndefined();
      expect(await refuse(again, code)).toMatchObject({ status: 'failed', errorCode: code });
      await time.pass(3 * dayMs);
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

  it('with another code fails at once', async () => {
    const { refuse, give } = await salon();
    expect(await refuse(await give({}), '479')).toMatchObject({ status: 'failed', errorCode: '479' });
  });

  it('with 429 makes all others of the number wait as well', async () => {
    const { companyId, time, give, refuse } = await salon();
    const { messages } = store.repositories;
    const message = await give({});
    await enqueued(messages, newMessage(companyId));
    await refuse(message, '429');
    expect(await give()).toBeUndefined();
    await time.pass(5 * minuteMs + 1_000);
    expect(await give()).toBeDefined();
  });

  /** A company that holds its lease, and what its outbox would do. */
  async function salon() {
    const { companyId, lease, time } = await leasedCompany(store);
    const { contacts, messages } = store.repositories;
    /** What is due now; a message that is named is wanted first. */
    const give = async (
      changes?: Partial<NewMessage>,
      who: 'has a chat' | 'is new' = 'is new',
    ): Promise<Message | undefined> => {
      if (changes !== undefined) {
        const message = await enqueued(messages, newMessage(companyId, changes));
        if (who === 'has a chat') await contacts.received(companyId, message.phone);
      }
      return claimed(messages, lease);
    };
    const refuse = async (message: Message | undefined, code: string): Promise<Message | undefined> => {
      if (message === undefined) throw new Error('There is no message');
      await messages.handedOver(lease, message.id);
      return messages.advance(companyId, message.whatsappMessageId, 'failed', code);
    };
    return { companyId, time, give, refuse };
  }
});

describe.each(engines())('a restriction of new chats in $name', ({ make }) => {
  const store = useStore(make);

  it('holds whoever has no chat with the salon, until its end, and nobody else', async () => {
    const { companyId, lease, time } = await leasedCompany(store);
    const { contacts, messages, restrictions } = store.repositories;
    const [stranger, hasWritten, wasReached] = [newPhone(), newPhone(), newPhone()];
    const first = await enqueued(messages, newMessage(companyId, { phone: wasReached }));
    expect(await claimed(messages, lease)).toMatchObject({ id: first.id });
    await messages.advance(companyId, first.whatsappMessageId, 'delivered');
    await contacts.received(companyId, hasWritten);
    const endsAt = new Date(Date.now() + hourMs);
    await restrictions.learn(companyId, { ...asked, answer: 'locked', endsAt, kind: 'BIZ_QUALITY' });

    for (const phone of [stranger, hasWritten, wasReached])
      await enqueued(messages, newMessage(companyId, { phone }));
    expect(await claimed(messages, lease)).toMatchObject({ phone: hasWritten });
    expect(await claimed(messages, lease)).toMatchObject({ phone: wasReached });
    const later = await messages.claim(lease, { limits: undefined, gapMs: 0, maxAttempts: 3 });
    if (later.message !== undefined) throw new Error('The stranger has to wait');
    const { dueInMs } = later;
    expect(dueInMs).toBeGreaterThan(hourMs);
    expect(dueInMs).toBeLessThanOrEqual(hourMs + 10_000);
    await time.pass(dueInMs ?? 0);
    expect(await claimed(messages, lease)).toMatchObject({ phone: stranger });
  });

  it('of a message that was given to WhatsApp and not taken makes no chat', async () => {
    const { companyId, lease } = await leasedCompany(store);
    const { messages, restrictions } = store.repositories;
    const phone = newPhone();
    const first = await enqueued(messages, newMessage(companyId, { phone }));
    await claimed(messages, lease);
    await messages.advance(companyId, first.whatsappMessageId, 'failed', '479');
    await restrictions.learn(companyId, { ...asked, answer: 'locked' });
    await enqueued(messages, newMessage(companyId, { phone }));
    expect(await claimed(messages, lease)).toBeUndefined();
  });

  it('lasts a day when WhatsApp names no end, and a month at most', async () => {
    const { restrictions } = store.repositories;
    const lastsMs = async (endsAt?: Date) => {
      const { companyId } = await leasedCompany(store);
      await restrictions.learn(companyId, { ...asked, answer: 'locked', ...(endsAt && { endsAt }) });
      return ((await restrictions.of(companyId))?.endsAt.getTime() ?? 0) - Date.now();
    };
    const endless = await lastsMs();
    expect(endless).toBeGreaterThan(dayMs - minuteMs);
    expect(endless).toBeLessThan(dayMs + minuteMs);
    expect(await lastsMs(new Date(Date.now() + 400 * dayMs))).toBeLessThan(30 * dayMs + minuteMs);
    expect(await lastsMs(new Date(Date.now() - hourMs))).toBeLessThan(0);
  });

  it('is told of once, again when its end moves, and at its end', async () => {
    const { companyId } = await leasedCompany(store);
    const { events, restrictions } = store.repositories;
    const learn = (answer: 'locked' | 'free', endsAt?: Date) =>
      restrictions.learn(companyId, { source: 'announced', answer, ...(endsAt && { endsAt }) });
    const soon = new Date(Date.now() + hourMs);
    const later = new Date(Date.now() + 2 * hourMs);
    const changes = [
      await learn('free'),
      await learn('locked', soon),
      await learn('locked', soon),
      await learn('locked', later),
      await learn('free'),
      await learn('free'),
    ];
    expect(changes.map(({ change }) => change)).toEqual([
      undefined,
      'began',
      undefined,
      'began',
      'ended',
      undefined,
    ]);
    const told = (await events.latest(companyId, 10)).map(({ type, cause }) => `${type} ${cause}`);
    expect(told.slice(0, 3)).toEqual([
      'whatsapp_restriction_ended whatsapp:announced',
      'whatsapp_restricted whatsapp:announced',
      'whatsapp_restricted whatsapp:announced',
    ]);
  });

  it('is listed and counted while it lasts, and asked about at its end', async () => {
    const { companyId, time } = await leasedCompany(store);
    const { restrictions } = store.repositories;
    const before = await restrictions.count();
    await restrictions.learn(companyId, {
      ...asked,
      answer: 'locked',
      endsAt: new Date(Date.now() + hourMs),
      kind: 'WEB_COMPANION_ONLY',
    });
    expect(await restrictions.count()).toBe(before + 1);
    const [latest] = await restrictions.latest(1);
    expect(latest).toMatchObject({ companyId, kind: 'WEB_COMPANION_ONLY', source: 'asked' });
    expect(await restrictions.due(minuteMs)).not.toContain(companyId);
    await time.pass(hourMs + 1_000);
    expect(await restrictions.due(minuteMs)).toContain(companyId);
    await time.pass(10_000);
    expect(await restrictions.of(companyId)).toBeUndefined();
    expect(await restrictions.count()).toBe(before);
  });

  it.each(['another phone', 'an uninstallation'])('goes with %s', async (what) => {
    const { companyId } = await leasedCompany(store);
    const { companies, restrictions } = store.repositories;
    await companies.recordSession(companyId, { state: 'connected', phone: '+79001112233' });
    await restrictions.learn(companyId, { ...asked, answer: 'locked' });
    await companies.recordSession(companyId, { state: 'reconnecting' });
    await companies.recordSession(companyId, { state: 'connected', phone: '+79001112233' });
    expect(await restrictions.of(companyId)).toBeDefined();
    await (what === 'another phone'
      ? companies.recordSession(companyId, { state: 'connected', phone: '+79009998877' })
      : companies.moveIntegration(companyId, 'uninstalled', 'test'));
    expect(await restrictions.of(companyId)).toBeUndefined();
  });
});

async function leasedCompany({
  database,
  repositories,
}: ReturnType<typeof useStore>): Promise<
  Readonly<{ companyId: CompanyId; lease: Lease; time: TimeTraveller }>
> {
  const { id: companyId } = await registeredCompany(repositories);
  const lease = await repositories.leases.acquire(companyId, 'owner', hourMs);
  if (lease === undefined) throw new Error('No lease');
  return { companyId, lease, time: new TimeTraveller(database, companyId) };
}
