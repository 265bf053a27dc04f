import type { ConnectionState } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

const hourMs = 3_600_000;
const enforcementType = 'WEB_COMPANION_ONLY';

describe('an account that may start no new chats', () => {
  it('gets 463 for new chats and reports when the lock ends', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const regular = fixture.whatsapp.phone('79990000003');
    await regular.sendText(fixture.owner.number, 'Можно на завтра?');
    await waitFor('the question', () => client.texts().length === 1);
    const endsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + hourMs);
    fixture.whatsapp.restrict(fixture.owner, { endsAt, enforcementType });
    const refused = await client.send(fixture.guestJid, 'Здравствуйте!');
    await waitFor('the refusal', () => client.acks.get(refused) === '463');
    await waitFor('the error', () => client.statuses(refused).includes(0));
    expect(await client.socket.fetchAccountReachoutTimelock()).toEqual({
      isActive: true,
      timeEnforcementEnds: endsAt,
      enforcementType,
    });
    const reply = await client.send(`${regular.number}@s.whatsapp.net`, 'Да, ждём');
    await regular.waitForMessage(({ id }) => id === reply);
    expect(fixture.guest.inbox).toEqual([]);

    fixture.advanceClock(hourMs + 2000);
    const later = await client.send(fixture.guestJid, 'Здравствуйте снова!');
    await fixture.guest.waitForMessage(({ id }) => id === later);
    expect(await client.socket.fetchAccountReachoutTimelock()).toMatchObject({ isActive: false });
  });

  it('can get 463 while the service reports no lock', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.restrict(fixture.owner, null);
    const refused = await client.send(fixture.guestJid, 'Здравствуйте!');
    await waitFor('the refusal', () => client.acks.get(refused) === '463');
    expect(await client.socket.fetchAccountReachoutTimelock()).toEqual({
      isActive: false,
      timeEnforcementEnds: undefined,
      enforcementType: 'DEFAULT',
    });

    fixture.whatsapp.liftRestriction(fixture.owner);
    const accepted = await client.send(fixture.guestJid, 'Теперь можно');
    await fixture.guest.waitForMessage(({ id }) => id === accepted);
  });

  it('can be notified of its lock and of the end of it', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const locks: ConnectionState['reachoutTimeLock'][] = [];
    client.socket.ev.on('connection.update', ({ reachoutTimeLock }) => {
      if (reachoutTimeLock) locks.push(reachoutTimeLock);
    });
    const endsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + hourMs);
    fixture.whatsapp.restrict(fixture.owner, { endsAt, enforcementType });
    fixture.whatsapp.announceRestriction(fixture.owner);
    await waitFor('the lock', () => locks.length === 1);
    expect(locks[0]).toEqual({ isActive: true, timeEnforcementEnds: endsAt, enforcementType });

    fixture.whatsapp.liftRestriction(fixture.owner);
    fixture.whatsapp.announceRestriction(fixture.owner);
    await waitFor('the end of the lock', () => locks.length === 2);
    expect(locks[1]).toMatchObject({ isActive: false });
  });
});

describe('a rate-limited account', () => {
  it('gets 429 for every message, other accounts do not', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const other = fixture.newClient();
    await other.linkTo(fixture.guest);
    fixture.whatsapp.rejectMessages('429', fixture.owner);
    const refused = await client.send(fixture.guestJid, 'Слишком много');
    await waitFor('the refusal', () => client.acks.get(refused) === '429');
    const accepted = await other.send(`${fixture.owner.number}@s.whatsapp.net`, 'В меру');
    await fixture.owner.waitForMessage(({ id }) => id === accepted);
    expect(other.acks.get(accepted)).toBeUndefined();
    expect(fixture.guest.inbox).toEqual([]);
  });
});

describe('a contact that has moved to its hidden identity', () => {
  it('receives and replies under it only; other contacts are unaffected', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const before = await client.send(fixture.guestJid, 'По номеру');
    await fixture.guest.waitForMessage(({ id }) => id === before);
    fixture.guest.migrateToLid();
    const refused = await client.send(fixture.guestJid, 'Опять по номеру');
    await waitFor('the refusal', () => client.acks.get(refused) === '463');
    const lid = await client.socket.signalRepository.lidMapping.getLIDForPN(fixture.guestJid);
    expect(lid).toBe(`${fixture.guest.lid}@lid`);
    const accepted = await client.send(`${fixture.guest.lid}@lid`, 'По скрытому имени');
    await fixture.guest.waitForMessage(({ id }) => id === accepted);
    await waitFor('the delivery receipt', () => client.statuses(accepted).includes(3));

    await fixture.guest.sendText(fixture.owner.number, 'Получила');
    await waitFor('the answer', () => client.texts().includes('Получила'));
    const { key } = client.messages.findLast(({ message }) => message?.conversation) ?? {};
    expect(key).toMatchObject({ remoteJid: `${fixture.guest.lid}@lid`, remoteJidAlt: fixture.guestJid });
    const other = fixture.whatsapp.phone('79990000003');
    await client.send(`${other.number}@s.whatsapp.net`, 'А вам по номеру');
    await other.waitForMessage(({ text }) => text === 'А вам по номеру');
    expect(fixture.guest.inbox.map(({ text }) => text)).toEqual(['По номеру', 'По скрытому имени']);
  });
});
