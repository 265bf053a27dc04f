import type { ConnectionState } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';

import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';

const hourMs = 3_600_000;
const enforcementType = 'WEB_COMPANION_ONLY';

describe('an account that may start no new chats', () => {
  it('gets 463 for people that never wrote to it, and tells when the lock ends', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const regular = world.whatsapp.phone('79990000003');
    await regular.sendText(world.owner.number, 'Можно на завтра?');
    await waitFor('the question', () => client.texts().length === 1);
    const endsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + hourMs);
    world.whatsapp.restrict(world.owner, { endsAt, enforcementType });
    const refused = await client.send(world.guestJid, 'Здравствуйте!');
    await waitFor('the refusal', () => client.acks.get(refused) === '463');
    await waitFor('the error', () => client.statuses(refused).includes(0));
    expect(await client.socket.fetchAccountReachoutTimelock()).toEqual({
      isActive: true,
      timeEnforcementEnds: endsAt,
      enforcementType,
    });
    const reply = await client.send(`${regular.number}@s.whatsapp.net`, 'Да, ждём');
    await regular.waitForMessage(({ id }) => id === reply);
    expect(world.guest.inbox).toEqual([]);

    world.advanceClock(hourMs + 2000);
    const later = await client.send(world.guestJid, 'Здравствуйте снова!');
    await world.guest.waitForMessage(({ id }) => id === later);
    expect(await client.socket.fetchAccountReachoutTimelock()).toMatchObject({ isActive: false });
  });

  it('may be refused while the service says that there is no lock', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.whatsapp.restrict(world.owner, null);
    const refused = await client.send(world.guestJid, 'Здравствуйте!');
    await waitFor('the refusal', () => client.acks.get(refused) === '463');
    expect(await client.socket.fetchAccountReachoutTimelock()).toEqual({
      isActive: false,
      timeEnforcementEnds: undefined,
      enforcementType: 'DEFAULT',
    });

    world.whatsapp.liftRestriction(world.owner);
    const accepted = await client.send(world.guestJid, 'Теперь можно');
    await world.guest.waitForMessage(({ id }) => id === accepted);
  });

  it('can be told of its lock unasked, and of the end of it', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const locks: ConnectionState['reachoutTimeLock'][] = [];
    client.socket.ev.on('connection.update', ({ reachoutTimeLock }) => {
      if (reachoutTimeLock) locks.push(reachoutTimeLock);
    });
    const endsAt = new Date(Math.ceil(Date.now() / 1000) * 1000 + hourMs);
    world.whatsapp.restrict(world.owner, { endsAt, enforcementType });
    world.whatsapp.announceRestriction(world.owner);
    await waitFor('the lock', () => locks.length === 1);
    expect(locks[0]).toEqual({ isActive: true, timeEnforcementEnds: endsAt, enforcementType });

    world.whatsapp.liftRestriction(world.owner);
    world.whatsapp.announceRestriction(world.owner);
    await waitFor('the end of the lock', () => locks.length === 2);
    expect(locks[1]).toMatchObject({ isActive: false });
  });
});

describe('an account that writes too much', () => {
  it('gets 429 for every message, and others do not', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const other = world.newClient();
    await other.linkTo(world.guest);
    world.whatsapp.rejectMessages('429', world.owner);
    const refused = await client.send(world.guestJid, 'Слишком много');
    await waitFor('the refusal', () => client.acks.get(refused) === '429');
    const accepted = await other.send(`${world.owner.number}@s.whatsapp.net`, 'В меру');
    await world.owner.waitForMessage(({ id }) => id === accepted);
    expect(other.acks.get(accepted)).toBeUndefined();
    expect(world.guest.inbox).toEqual([]);
  });
});

describe('a contact that has moved to its hidden identity', () => {
  it('is reached there only, answers from there, and others are reached as before', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const before = await client.send(world.guestJid, 'По номеру');
    await world.guest.waitForMessage(({ id }) => id === before);
    world.guest.migrateToLid();
    const refused = await client.send(world.guestJid, 'Опять по номеру');
    await waitFor('the refusal', () => client.acks.get(refused) === '463');
    const lid = await client.socket.signalRepository.lidMapping.getLIDForPN(world.guestJid);
    expect(lid).toBe(`${world.guest.lid}@lid`);
    const accepted = await client.send(`${world.guest.lid}@lid`, 'По скрытому имени');
    await world.guest.waitForMessage(({ id }) => id === accepted);
    await waitFor('the delivery receipt', () => client.statuses(accepted).includes(3));

    await world.guest.sendText(world.owner.number, 'Получила');
    await waitFor('the answer', () => client.texts().includes('Получила'));
    const { key } = client.messages.findLast(({ message }) => message?.conversation) ?? {};
    expect(key).toMatchObject({ remoteJid: `${world.guest.lid}@lid`, remoteJidAlt: world.guestJid });
    const other = world.whatsapp.phone('79990000003');
    await client.send(`${other.number}@s.whatsapp.net`, 'А вам по номеру');
    await other.waitForMessage(({ text }) => text === 'А вам по номеру');
    expect(world.guest.inbox.map(({ text }) => text)).toEqual(['По номеру', 'По скрытому имени']);
  });
});
