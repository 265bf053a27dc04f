import { describe, expect, it } from 'vitest';

import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';

describe('messages', () => {
  it('reach the phone of the other person word for word, with acknowledgement and receipts', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const text = 'Здравствуйте, Анна! Ждём вас завтра в 15:00 💇';
    const id = await client.send(world.guestJid, text);

    const received = await world.guest.waitForMessage((message) => message.id === id);
    expect(received).toMatchObject({ from: world.owner.number, text });
    await waitFor('the acknowledgement', () => client.acks.has(id));
    expect(client.acks.get(id)).toBeUndefined();
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
    world.guest.markRead(id);
    await waitFor('the read receipt', () => client.statuses(id).includes(4));
    const copy = await waitFor('the copy on the own phone', () => world.owner.sentFromCompanions[0]);
    expect(copy).toMatchObject({ id, to: world.guest.number, text });
  });

  it('from the other person reach the linked device, by number and by hidden identity', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const id = await world.guest.sendText(world.owner.number, 'Спасибо, приду');
    await waitFor('the reply', () => client.texts().length === 1);
    await world.guest.sendText(world.owner.number, 'До завтра', { addressing: 'lid' });
    await waitFor('both replies', () => client.texts().length === 2);
    expect(client.texts()).toEqual(['Спасибо, приду', 'До завтра']);
    const keys = client.messages.filter(({ message }) => message?.conversation).map(({ key }) => key);
    expect(keys[0]).toMatchObject({
      remoteJid: world.guestJid,
      remoteJidAlt: `${world.guest.lid}@lid`,
      fromMe: false,
    });
    expect(keys[1]).toMatchObject({
      remoteJid: `${world.guest.lid}@lid`,
      remoteJidAlt: world.guestJid,
      fromMe: false,
    });
    const receipt = await waitFor('the receipt', () => world.guest.receipts.find((found) => found.id === id));
    expect(receipt).toEqual({ id, from: world.owner.number, kind: 'delivered' });
  });

  it('that the owner writes on the phone show up on the linked device as its own', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await world.owner.sendText(world.guest.number, 'Я сам напишу');

    await world.guest.waitForMessage(({ text }) => text === 'Я сам напишу');
    const own = await waitFor('the copy', () => client.messages.find(({ message }) => message?.conversation));
    expect(own.key).toMatchObject({ remoteJid: world.guestJid, fromMe: true });
  });

  it('travel both ways between two linked devices', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const other = world.newClient();
    await other.linkTo(world.guest);
    await client.send(world.guestJid, 'Добрый день');
    await waitFor('the message', () => other.texts().includes('Добрый день'));
    await other.send(`${world.owner.number}@s.whatsapp.net`, 'И вам');
    await waitFor('the answer', () => client.texts().includes('И вам'));
    expect(world.owner.inbox.map(({ text }) => text)).toEqual(['И вам']);
    expect(world.whatsapp.log.filter(({ type }) => type === 'undecryptable')).toEqual([]);
  });

  it('with the same id are shown once', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const id = await client.send(world.guestJid, 'Один раз', '3EB0AAAAAAAAAAAAAAAAAA');
    await world.guest.waitForMessage((message) => message.id === id);
    await client.send(world.guestJid, 'Один раз', id);

    await waitFor(
      'the second',
      () => world.whatsapp.log.filter(({ type }) => type === 'decrypted').length === 4,
    );
    expect(world.guest.inbox).toHaveLength(1);
    expect(
      world.whatsapp.log.flatMap((event) => (event.type === 'message' ? [event.duplicate] : [])),
    ).toEqual([false, true]);
  });

  it('wait at the server for a linked device that is away', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await world.leave(client);
    await world.guest.sendText(world.owner.number, 'Пока вас не было');

    const again = world.newClient({}, client);
    again.connect();
    await waitFor('the message', () => again.texts().includes('Пока вас не было'));
    expect(again.texts()).toEqual(['Пока вас не было']);
  });

  it('wait at the server for a phone without network, acknowledged but not delivered', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.guest.goOffline();
    const id = await client.send(world.guestJid, 'Вы где?');
    await waitFor('the acknowledgement', () => client.acks.has(id));
    expect(world.guest.inbox).toEqual([]);

    world.guest.goOnline();
    await world.guest.waitForMessage((message) => message.id === id);
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
  });

  it('are asked for again by a phone that lost its keys', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await client.send(world.guestJid, 'Первое');
    await world.guest.waitForMessage(({ text }) => text === 'Первое');
    await world.guest.sendText(world.owner.number, 'Второе');
    await waitFor('the reply', () => client.texts().includes('Второе'));
    world.guest.forgetSessions();
    await client.send(world.guestJid, 'Третье');

    await world.guest.waitForMessage(({ text }) => text === 'Третье');
    expect(world.whatsapp.log.some(({ type }) => type === 'undecryptable')).toBe(true);
  });

  it('are asked for again by a linked device that lost its keys', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await client.send(world.guestJid, 'Первое');
    await world.guest.waitForMessage(({ text }) => text === 'Первое');
    await world.guest.sendText(world.owner.number, 'Второе');
    await waitFor('the reply', () => client.texts().includes('Второе'));
    await client.keys.clear?.();
    await world.guest.sendText(world.owner.number, 'Третье');

    await waitFor('the repeated reply', () => client.texts().includes('Третье'));
    expect(client.texts()).toEqual(['Второе', 'Третье']);
  });
});

describe('the directory', () => {
  it('knows who is registered and who is not', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    expect(await client.socket.onWhatsApp(world.guest.number)).toEqual([
      { jid: world.guestJid, exists: true },
    ]);
    expect(await client.socket.onWhatsApp('79995554433')).toEqual([]);
  });
});

describe('many accounts', () => {
  it('twenty link at once, and each exchanges messages with a person of its own', async () => {
    await using world = await WhatsAppWorld.start();
    const pairs = Array.from({ length: 20 }, (_, index) => ({
      client: world.newClient(),
      own: world.whatsapp.phone(`7900100${String(index).padStart(4, '0')}`),
      peer: world.whatsapp.phone(`7900200${String(index).padStart(4, '0')}`),
    }));
    await Promise.all(pairs.map(({ client, own }) => client.linkTo(own)));
    await Promise.all(
      pairs.map(({ client, peer }) => client.send(`${peer.number}@s.whatsapp.net`, peer.number)),
    );
    await Promise.all(
      pairs.map(({ peer }) => peer.waitForMessage(({ text }) => text === peer.number, 10_000)),
    );
    await Promise.all(pairs.map(({ own, peer }) => peer.sendText(own.number, `от ${peer.number}`)));
    await waitFor(
      'all replies',
      () => pairs.every(({ client, peer }) => client.texts().includes(`от ${peer.number}`)),
      10_000,
    );
    expect(pairs.map(({ peer }) => peer.inbox.map(({ from, text }) => [from, text]))).toEqual(
      pairs.map(({ own, peer }) => [[own.number, peer.number]]),
    );
    expect(world.whatsapp.log.filter(({ type }) => type === 'undecryptable' || type === 'error')).toEqual([]);
  }, 60_000);
});
