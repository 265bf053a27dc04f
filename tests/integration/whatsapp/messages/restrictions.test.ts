import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { RestrictedSalon } from '../../../support/fixtures/restricted-salon.ts';
import { useStore } from '../../../support/fixtures/storage.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const enforcementType = 'WEB_COMPANION_ONLY';
const timeoutMs = 40_000;

describe.each(engines())('a number that may not start new chats, in $name', ({ make }) => {
  const store = useStore(make);

  const currentRestriction = (salon: RestrictedSalon) =>
    store.repositories.restrictions.current(salon.companyId);
  const waitForRestriction = (salon: RestrictedSalon) =>
    waitFor('the restriction', () => currentRestriction(salon), 10_000);
  const lockEndingIn = (ms: number) => ({
    endsAt: new Date(Math.ceil(Date.now() / 1_000) * 1_000 + ms),
    enforcementType,
  });

  it(
    'holds messages to new clients only, until the restriction ends, and sends each once',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      const another = whatsapp.phone('79165550003');
      const lock = lockEndingIn(hourMs);
      whatsapp.restrict(salon.fixture.salon, lock);

      const rejectedMessage = await salon.enqueue(client);
      await salon.waitForStatus(rejectedMessage, 'queued', '463');
      expect(await waitForRestriction(salon)).toMatchObject({
        endsAt: new Date(lock.endsAt.getTime() + 10_000),
        kind: enforcementType,
        source: 'asked',
      });
      const heldMessage = await salon.enqueue(another);
      await salon.waitUntilDrained(regular);
      await salon.waitForStatus(await salon.enqueue(regular, { kind: 'reply' }), 'delivered');
      // The back-off after the rejection is over, the restriction is not.
      await salon.advance(10 * minuteMs);
      await salon.waitUntilDrained(regular);
      expect([rejectedMessage, heldMessage].map((message) => salon.sendCount(message))).toEqual([1, 0]);

      whatsapp.liftRestriction(salon.fixture.salon);
      whatsapp.announceRestriction(salon.fixture.salon);
      await salon.waitForStatus(heldMessage, 'delivered');
      await salon.waitForStatus(rejectedMessage, 'delivered');
      expect([client, another].map(({ inbox }) => inbox.length)).toEqual([1, 1]);
      expect([rejectedMessage, heldMessage].map((message) => salon.sendCount(message))).toEqual([2, 1]);
      expect(await currentRestriction(salon)).toBeUndefined();
      expect(await salon.restrictionEventTypes()).toEqual([
        'whatsapp_restriction_ended',
        'whatsapp_restricted',
      ]);
    },
    timeoutMs,
  );

  it(
    'stays restricted after a restart and queries the restriction again when it ends',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      const lock = lockEndingIn(hourMs);
      whatsapp.restrict(salon.fixture.salon, lock);
      whatsapp.announceRestriction(salon.fixture.salon);
      expect(await waitForRestriction(salon)).toMatchObject({ source: 'announced', kind: enforcementType });
      const heldMessage = await salon.enqueue(client);
      await salon.restart();
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(heldMessage)).toBe(0);

      // WhatsApp prolongs the restriction before its end.
      const before = await waitForRestriction(salon);
      whatsapp.restrict(salon.fixture.salon, lockEndingIn(3 * hourMs));
      await salon.advance(hourMs + 5_000);
      await waitFor('the new end', async () => {
        const now = await currentRestriction(salon);
        return now !== undefined && now.endsAt.getTime() > before.endsAt.getTime();
      });
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(heldMessage)).toBe(0);

      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(3 * hourMs + 5_000);
      await salon.waitForStatus(heldMessage, 'delivered');
      expect(salon.sendCount(heldMessage)).toBe(1);
    },
    timeoutMs,
  );

  it(
    'expires a held message',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      whatsapp.restrict(salon.fixture.salon, lockEndingIn(hourMs));
      whatsapp.announceRestriction(salon.fixture.salon);
      await waitForRestriction(salon);
      const heldMessage = await salon.enqueue(client, { expiresAt: new Date(Date.now() + 20 * minuteMs) });
      await salon.advance(21 * minuteMs);
      await store.repositories.messages.expire();
      await salon.waitForStatus(heldMessage, 'expired');
      expect(salon.sendCount(heldMessage)).toBe(0);
    },
    timeoutMs,
  );

  it(
    'repeats an unanswered restriction query after a restart',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      whatsapp.restrict(salon.fixture.salon, lockEndingIn(hourMs));
      whatsapp.silenceQueries('w:mex', true);
      const rejectedMessage = await salon.enqueue(client);
      await salon.waitForStatus(rejectedMessage, 'queued', '463');
      await salon.restart(() => whatsapp.silenceQueries('w:mex', false));
      expect(await waitFor('an answer', () => restrictionFrom(salon, 'asked'), 10_000)).toMatchObject({
        kind: enforcementType,
      });
      await salon.advance(30 * minuteMs);
      const regular = await salon.createRegularClient('79165550002');
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(rejectedMessage)).toBe(1);
    },
    timeoutMs,
  );

  it(
    'assumes a restriction of a day when the query is unanswered, and repeats the query',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      whatsapp.restrict(salon.fixture.salon, null);
      whatsapp.silenceQueries('w:mex', true);
      const rejectedMessage = await salon.enqueue(client);
      const assumed = await waitForRestriction(salon);
      expect(assumed).toMatchObject({ source: 'no_answer', kind: undefined });
      const durationMs = assumed.endsAt.getTime() - Date.now();
      expect(durationMs).toBeGreaterThan(dayMs - minuteMs);
      expect(durationMs).toBeLessThanOrEqual(dayMs);
      await salon.advance(10 * minuteMs);
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(rejectedMessage)).toBe(1);

      whatsapp.silenceQueries('w:mex', false);
      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(10 * minuteMs);
      await salon.waitForStatus(rejectedMessage, 'delivered');
      expect(await currentRestriction(salon)).toBeUndefined();
    },
    timeoutMs,
  );

  it(
    'records an announced restriction while the query is unanswered',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      whatsapp.restrict(salon.fixture.salon, lockEndingIn(3 * hourMs));
      whatsapp.silenceQueries('w:mex', true);
      await salon.enqueue(client);
      await waitFor('the assumed restriction', () => restrictionFrom(salon, 'no_answer'), 10_000);
      whatsapp.announceRestriction(salon.fixture.salon);
      expect(
        await waitFor('the announced restriction', () => restrictionFrom(salon, 'announced'), 10_000),
      ).toMatchObject({
        kind: enforcementType,
      });
    },
    timeoutMs,
  );

  async function restrictionFrom(salon: RestrictedSalon, source: string) {
    const restriction = await currentRestriction(salon);
    return restriction?.source === source ? restriction : undefined;
  }
});

describe.each(engines())('a message rejected with 463 without a restriction, in $name', ({ make }) => {
  const store = useStore(make);

  /** WhatsApp has answered that there is no restriction. */
  const waitForNoRestriction = async (salon: RestrictedSalon): Promise<void> => {
    await waitFor('no restriction to be known', async () => {
      const rows = await store.database.sql.query('select from whatsapp_restrictions where company_id = $1', [
        salon.companyId,
      ]);
      return rows.length === 0;
    });
  };

  it(
    'is resent to the LID of the client after five minutes',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      whatsapp.restrict(salon.fixture.salon, null);
      const rejectedMessage = await salon.enqueue(client);
      await salon.waitForStatus(rejectedMessage, 'queued', '463');
      await waitForNoRestriction(salon);
      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(4 * minuteMs);
      await salon.waitUntilDrained(regular);
      expect(salon.sendCount(rejectedMessage)).toBe(1);

      await salon.advance(minuteMs);
      await salon.waitForStatus(rejectedMessage, 'delivered');
      expect(client.inbox).toMatchObject([{ id: rejectedMessage.whatsappMessageId, addressing: 'lid' }]);
      expect(salon.sendCount(rejectedMessage)).toBe(2);
      expect(await salon.restrictionEventTypes()).toEqual([]);
    },
    timeoutMs,
  );

  it(
    'fails after the second rejection, and messages to other new clients wait for a day',
    async () => {
      await using salon = await RestrictedSalon.open(store);
      const { whatsapp, client } = salon.fixture;
      const regular = await salon.createRegularClient('79165550002');
      whatsapp.restrict(salon.fixture.salon, null);
      const rejectedMessage = await salon.enqueue(client);
      await salon.waitForStatus(rejectedMessage, 'queued', '463');
      await waitForNoRestriction(salon);
      await salon.advance(5 * minuteMs);
      await salon.waitForStatus(rejectedMessage, 'failed', '463');
      expect(await store.repositories.restrictions.current(salon.companyId)).toMatchObject({
        source: 'repeated',
      });

      const heldMessage = await salon.enqueue(whatsapp.phone('79165550003'));
      // Meanwhile the query is repeated, and there is still no restriction.
      await delay(500);
      await salon.advance(hourMs);
      await salon.waitUntilDrained(regular);
      expect([rejectedMessage, heldMessage].map((message) => salon.sendCount(message))).toEqual([2, 0]);
      whatsapp.liftRestriction(salon.fixture.salon);
      await salon.advance(dayMs);
      await salon.waitForStatus(heldMessage, 'delivered');
      expect(salon.sendCount(rejectedMessage)).toBe(2);
    },
    timeoutMs,
  );
});
