import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RestrictedSalon } from '../../../support/fixtures/restricted-salon.ts';
import { useStore } from '../../../support/fixtures/storage.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const enforcementType = 'WEB_COMPANION_ONLY';
const timeoutMs = 40_000;

describe.each(engines())('a number that WhatsApp lets start no new chats, in $name', ({ make }) => {
  const store = useStore(make);

  const restrictionOf = (salon: RestrictedSalon) => store.repositories.restrictions.current(salon.companyId);
  const restricted = (salon: RestrictedSalon) =>
    waitFor('the restriction', () => restrictionOf(salon), 10_000);
  const lockFor = (ms: number) => ({
    endsAt: new Date(Math.ceil(Date.now() / 1_000) * 1_000 + ms),
    enforcementType,
  });

  it(
    'keeps new clients waiting until WhatsApp lifts it, writes to the others, and then sends each message once',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      const another = whatsapp.phone('79165550003');
      const lock = lockFor(hourMs);
      whatsapp.restrict(salon.fixture.salon, lock);

      const refused = await salon.enqueue(client);
      await salon.waitForStatus(refused, 'queued', '463');
      expect(await restricted(salon)).toMatchObject({
        endsAt: new Date(lock.endsAt.getTime() + 10_000),
        kind: enforcementType,
        source: 'asked',
      });
      const held = await salon.enqueue(another);
      await salon.waitUntilDrained(regular);
      await salon.waitForStatus(await salon.enqueue(regular, { kind: 'reply' }), 'delivered');
      // The pause after the refusal is over, the restriction is not.
      await salon.advance(10 * minuteMs);
      await salon.waitUntilDrained(regular);
      expect([refused, held].map((message) => salon.sendCount(message))).toEqual([1, 0]);

      whatsapp.liftRestriction(salon.fixture.salon);
      whatsapp.announceRestriction(salon.fixture.salon);
      await salon.waitForStatus(held, 'delivered');
      await salon.waitForStatus(refused, 'delivered');
      expect([client, another].map(({ inbox }) => inbox.length)).toEqual([1, 1]);
      expect([refused, held].map((message) => salon.sendCount(message))).toEqual([2, 1]);
      expect(await restrictionOf(salon)).toBeUndefined();
      expect(await salon.restrictionEventTypes()).toEqual([
        'whatsapp_restriction_ended',
        'whatsapp_restricted',
      ]);
    },
    timeoutMs,
  );

  it(
    'stays restricted over a restart, and is asked about again at the end',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      const lock = lockFor(hourMs);
      whatsapp.restrict(salon.fixture.salon, lock);
      whatsapp.announceRestriction(salon.fixture.salon);
      expect(await restricted(salon)).toMatchObject({ source: 'announced', kind: enforcementType });
      const held = await salon.enqueue(client);
      await salon.restart();
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(held)).toBe(0);

      // The first end comes, and WhatsApp has prolonged it.
      const before = await restricted(salon);
      whatsapp.restrict(salon.fixture.salon, lockFor(3 * hourMs));
      await salon.advance(hourMs + 5_000);
      await waitFor('the new end', async () => {
        const now = await restrictionOf(salon);
        return now !== undefined && now.endsAt.getTime() > before.endsAt.getTime();
      });
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(held)).toBe(0);

      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(3 * hourMs + 5_000);
      await salon.waitForStatus(held, 'delivered');
      expect(salon.sendCount(held)).toBe(1);
    },
    timeoutMs,
  );

  it(
    'lets a message that nobody has a use for any more expire, and says so',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      whatsapp.restrict(salon.fixture.salon, lockFor(hourMs));
      whatsapp.announceRestriction(salon.fixture.salon);
      await restricted(salon);
      const held = await salon.enqueue(client, { expiresAt: new Date(Date.now() + 20 * minuteMs) });
      await salon.advance(21 * minuteMs);
      await store.repositories.messages.expire();
      await salon.waitForStatus(held, 'expired');
      expect(salon.sendCount(held)).toBe(0);
    },
    timeoutMs,
  );

  it(
    'is asked once more for the reason, after a restart, when the process ended before WhatsApp gave it',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      whatsapp.restrict(salon.fixture.salon, lockFor(hourMs));
      whatsapp.silenceQueries('w:mex', true);
      const refused = await salon.enqueue(client);
      await salon.waitForStatus(refused, 'queued', '463');
      await salon.restart(() => whatsapp.silenceQueries('w:mex', false));
      expect(await waitFor('an answer', () => lastingFrom(salon, 'asked'), 10_000)).toMatchObject({
        kind: enforcementType,
      });
      await salon.advance(30 * minuteMs);
      const regular = await salon.createRegularClient('79165550002');
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(refused)).toBe(1);
    },
    timeoutMs,
  );

  it(
    'holds new clients for a day when WhatsApp does not say why it refused, and asks again',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      whatsapp.restrict(salon.fixture.salon, null);
      whatsapp.silenceQueries('w:mex', true);
      const refused = await salon.enqueue(client);
      const unexplained = await restricted(salon);
      expect(unexplained).toMatchObject({ source: 'no_answer', kind: undefined });
      const lastsMs = unexplained.endsAt.getTime() - Date.now();
      expect(lastsMs).toBeGreaterThan(dayMs - minuteMs);
      expect(lastsMs).toBeLessThanOrEqual(dayMs);
      await salon.advance(10 * minuteMs);
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(refused)).toBe(1);

      whatsapp.silenceQueries('w:mex', false);
      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(10 * minuteMs);
      await salon.waitForStatus(refused, 'delivered');
      expect(await restrictionOf(salon)).toBeUndefined();
    },
    timeoutMs,
  );

  it(
    'is known to be one when WhatsApp tells it instead of answering',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      whatsapp.restrict(salon.fixture.salon, lockFor(3 * hourMs));
      whatsapp.silenceQueries('w:mex', true);
      await salon.enqueue(client);
      await waitFor('the silence', () => lastingFrom(salon, 'no_answer'), 10_000);
      whatsapp.announceRestriction(salon.fixture.salon);
      expect(await waitFor('the news', () => lastingFrom(salon, 'announced'), 10_000)).toMatchObject({
        kind: enforcementType,
      });
    },
    timeoutMs,
  );

  async function lastingFrom(salon: RestrictedSalon, source: string) {
    const lasting = await restrictionOf(salon);
    return lasting?.source === source ? lasting : undefined;
  }
});

describe.each(engines())('a message refused with 463 although there is no lock, in $name', ({ make }) => {
  const store = useStore(make);

  /** WhatsApp has said that there is none. */
  const explained = async (salon: RestrictedSalon): Promise<void> => {
    await waitFor('no restriction to be known', async () => {
      const rows = await store.database.sql.query('select from whatsapp_restrictions where company_id = $1', [
        salon.companyId,
      ]);
      return rows.length === 0;
    });
  };

  it(
    'goes once more to the hidden identity of its client, minutes later, and arrives',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      whatsapp.restrict(salon.fixture.salon, null);
      const refused = await salon.enqueue(client);
      await salon.waitForStatus(refused, 'queued', '463');
      await explained(salon);
      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(4 * minuteMs);
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(refused)).toBe(1);

      await salon.advance(minuteMs);
      await salon.waitForStatus(refused, 'delivered');
      expect(client.inbox).toMatchObject([{ id: refused.whatsappMessageId, addressing: 'lid' }]);
      expect(salon.sendCount(refused)).toBe(2);
      expect(await salon.restrictionEventTypes()).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'fails after the second refusal and is never given to WhatsApp again; other new clients wait a day',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      whatsapp.restrict(salon.fixture.salon, null);
      const refused = await salon.enqueue(client);
      await salon.waitForStatus(refused, 'queued', '463');
      await explained(salon);
      await salon.advance(5 * minuteMs);
      await salon.waitForStatus(refused, 'failed', '463');
      expect(await store.repositories.restrictions.current(salon.companyId)).toMatchObject({
        source: 'repeated',
      });

      const held = await salon.enqueue(whatsapp.phone('79165550003'));
      // WhatsApp is asked again meanwhile, and says again that there is no lock.
      await delay(500);
      await salon.advance(hourMs);
      await salon.waitUntilDrained(regular);
      expect([refused, held].map((message) => salon.sendCount(message))).toEqual([2, 0]);
      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(dayMs);
      await salon.waitForStatus(held, 'delivered');
      expect(salon.sendCount(refused)).toBe(2);
    },
    timeoutMs,
  );
});
