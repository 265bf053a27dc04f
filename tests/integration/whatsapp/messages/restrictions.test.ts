import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RestrictedSalon } from '../../../support/fixtures/restricted-salon.ts';
import { engines, useStore } from '../../../support/fixtures/storage.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const enforcementType = 'WEB_COMPANION_ONLY';
const timeoutMs = 40_000;

describe.each(engines())('a number that WhatsApp lets start no new chats, in $name', ({ make }) => {
  const store = useStore(make);

  const restrictionOf = (salon: RestrictedSalon) => store.repositories.restrictions.of(salon.companyId);
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
      const { whatsapp, client } = salon.world;
      const regular = await salon.regular('79165550002');
      const another = whatsapp.phone('79165550003');
      const lock = lockFor(hourMs);
      whatsapp.restrict(salon.world.salon, lock);

      const refused = await salon.says(client);
      await salon.reaches(refused, 'queued', '463');
      expect(await restricted(salon)).toMatchObject({
        endsAt: new Date(lock.endsAt.getTime() + 10_000),
        kind: enforcementType,
        source: 'asked',
      });
      const held = await salon.says(another);
      await salon.hasSaidAll(regular);
      await salon.reaches(await salon.says(regular, { kind: 'reply' }), 'delivered');
      // The pause after the refusal is over, the restriction is not.
      await salon.pass(10 * minuteMs);
      await salon.hasSaidAll(regular);
      expect([refused, held].map((message) => salon.timesGiven(message))).toEqual([1, 0]);

      whatsapp.liftRestriction(salon.world.salon);
      whatsapp.announceRestriction(salon.world.salon);
      await salon.reaches(held, 'delivered');
      await salon.reaches(refused, 'delivered');
      expect([client, another].map(({ inbox }) => inbox.length)).toEqual([1, 1]);
      expect([refused, held].map((message) => salon.timesGiven(message))).toEqual([2, 1]);
      expect(await restrictionOf(salon)).toBeUndefined();
      expect(await salon.eventTypes()).toEqual(['whatsapp_restriction_ended', 'whatsapp_restricted']);
    },
    timeoutMs,
  );

  it(
    'stays restricted over a restart, and is asked about again at the end',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.world;
      const regular = await salon.regular('79165550002');
      const lock = lockFor(hourMs);
      whatsapp.restrict(salon.world.salon, lock);
      whatsapp.announceRestriction(salon.world.salon);
      expect(await restricted(salon)).toMatchObject({ source: 'announced', kind: enforcementType });
      const held = await salon.says(client);
      await salon.restart();
      await salon.hasSaidAll(regular);
      expect(salon.timesGiven(held)).toBe(0);

      // The first end comes, and WhatsApp has prolonged it.
      const before = await restricted(salon);
      whatsapp.restrict(salon.world.salon, lockFor(3 * hourMs));
      await salon.pass(hourMs + 5_000);
      await waitFor('the new end', async () => {
        const now = await restrictionOf(salon);
        return now !== undefined && now.endsAt.getTime() > before.endsAt.getTime();
      });
      await salon.hasSaidAll(regular);
      expect(salon.timesGiven(held)).toBe(0);

      whatsapp.liftRestriction(salon.world.salon);
      await salon.pass(3 * hourMs + 5_000);
      await salon.reaches(held, 'delivered');
      expect(salon.timesGiven(held)).toBe(1);
    },
    timeoutMs,
  );

  it(
    'lets a message that nobody has a use for any more expire, and says so',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.world;
      whatsapp.restrict(salon.world.salon, lockFor(hourMs));
      whatsapp.announceRestriction(salon.world.salon);
      await restricted(salon);
      const held = await salon.says(client, { expiresAt: new Date(Date.now() + 20 * minuteMs) });
      await salon.pass(21 * minuteMs);
      await store.repositories.messages.expire();
      await salon.reaches(held, 'expired');
      expect(salon.timesGiven(held)).toBe(0);
    },
    timeoutMs,
  );

  it(
    'is asked once more for the reason, after a restart, when the process ended before WhatsApp gave it',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.world;
      whatsapp.restrict(salon.world.salon, lockFor(hourMs));
      whatsapp.silenceQueries('w:mex', true);
      const refused = await salon.says(client);
      await salon.reaches(refused, 'queued', '463');
      await salon.restart(() => whatsapp.silenceQueries('w:mex', false));
      expect(await waitFor('an answer', () => lastingFrom(salon, 'asked'), 10_000)).toMatchObject({
        kind: enforcementType,
      });
      await salon.pass(30 * minuteMs);
      const regular = await salon.regular('79165550002');
      await salon.hasSaidAll(regular);
      expect(salon.timesGiven(refused)).toBe(1);
    },
    timeoutMs,
  );

  it(
    'holds new clients for a day when WhatsApp does not say why it refused, and asks again',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.world;
      const regular = await salon.regular('79165550002');
      whatsapp.restrict(salon.world.salon, null);
      whatsapp.silenceQueries('w:mex', true);
      const refused = await salon.says(client);
      const unexplained = await restricted(salon);
      expect(unexplained).toMatchObject({ source: 'no_answer', kind: undefined });
      const lastsMs = unexplained.endsAt.getTime() - Date.now();
      expect(lastsMs).toBeGreaterThan(dayMs - minuteMs);
      expect(lastsMs).toBeLessThanOrEqual(dayMs);
      await salon.pass(10 * minuteMs);
      await salon.hasSaidAll(regular);
      expect(salon.timesGiven(refused)).toBe(1);

      whatsapp.silenceQueries('w:mex', false);
      whatsapp.liftRestriction(salon.world.salon);
      await salon.pass(10 * minuteMs);
      await salon.reaches(refused, 'delivered');
      expect(await restrictionOf(salon)).toBeUndefined();
    },
    timeoutMs,
  );

  it(
    'is known to be one when WhatsApp tells it instead of answering',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.world;
      whatsapp.restrict(salon.world.salon, lockFor(3 * hourMs));
      whatsapp.silenceQueries('w:mex', true);
      await salon.says(client);
      await waitFor('the silence', () => lastingFrom(salon, 'no_answer'), 10_000);
      whatsapp.announceRestriction(salon.world.salon);
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
      const { whatsapp, client } = salon.world;
      const regular = await salon.regular('79165550002');
      whatsapp.restrict(salon.world.salon, null);
      const refused = await salon.says(client);
      await salon.reaches(refused, 'queued', '463');
      await explained(salon);
      whatsapp.liftRestriction(salon.world.salon);
      await salon.pass(4 * minuteMs);
      await salon.hasSaidAll(regular);
      expect(salon.timesGiven(refused)).toBe(1);

      await salon.pass(minuteMs);
      await salon.reaches(refused, 'delivered');
      expect(client.inbox).toMatchObject([{ id: refused.whatsappMessageId, addressing: 'lid' }]);
      expect(salon.timesGiven(refused)).toBe(2);
      expect(await salon.eventTypes()).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'fails after the second refusal and is never given to WhatsApp again; other new clients wait a day',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.world;
      const regular = await salon.regular('79165550002');
      whatsapp.restrict(salon.world.salon, null);
      const refused = await salon.says(client);
      await salon.reaches(refused, 'queued', '463');
      await explained(salon);
      await salon.pass(5 * minuteMs);
      await salon.reaches(refused, 'failed', '463');
      expect(await store.repositories.restrictions.of(salon.companyId)).toMatchObject({ source: 'repeated' });

      const held = await salon.says(whatsapp.phone('79165550003'));
      // WhatsApp is asked again meanwhile, and says again that there is no lock.
      await delay(500);
      await salon.pass(hourMs);
      await salon.hasSaidAll(regular);
      expect([refused, held].map((message) => salon.timesGiven(message))).toEqual([2, 0]);
      whatsapp.liftRestriction(salon.world.salon);
      await salon.pass(dayMs);
      await salon.reaches(held, 'delivered');
      expect(salon.timesGiven(refused)).toBe(2);
    },
    timeoutMs,
  );
});
