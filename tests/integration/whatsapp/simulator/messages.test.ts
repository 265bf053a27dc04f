import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

describe('messages', () => {
  it('reach the recipient unchanged, with acknowledgement and receipts', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const text = 'Здравствуйте, Анна! Ждём вас завтра в 15:00 💇';
    const id = await client.send(fixture.guestJid, text);

    const received = await fixture.guest.waitForMessage((message) => message.id === id);
    expect(received).toMatchObject({ from: fixture.owner.number, text });
    await waitFor('the acknowledgement', () => client.acks.has(id));
    expect(client.acks.get(id)).toBeUndefined();
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
    fixture.guest.markRead(id);
    await waitFor('the read receipt', () => client.statuses(id).includes(4));
    const copy = await waitFor('the copy on the own phone', () => fixture.owner.sentFromCompanions[0]);
    expect(copy).toMatchObject({ id, to: fixture.guest.number, text });
  });

  it('from others reach the linked device, by number and by hidden identity', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const id = await fixture.guest.sendText(fixture.owner.number, 'Спасибо, приду');
    await waitFor('the reply', () => client.texts().length === 1);
    await fixture.guest.sendText(fixture.owner.number, 'До завтра', { addressing: 'lid' });
    await waitFor('both replies', () => client.texts().length === 2);
    expect(client.texts()).toEqual(['Спасибо, приду', 'До завтра']);
    const keys = client.messages.filter(({ message }) => message?.conversation).map(({ key }) => key);
    expect(keys[0]).toMatchObject({
      remoteJid: fixture.guestJid,
      remoteJidAlt: `${fixture.guest.lid}@lid`,
      fromMe: false,
    });
    expect(keys[1]).toMatchObject({
      remoteJid: `${fixture.guest.lid}@lid`,
      remoteJidAlt: fixture.guestJid,
      fromMe: false,
    });
    const receipt = await waitFor('the receipt', () =>
      fixture.guest.receipts.find((found) => found.id === id),
    );
    expect(receipt).toEqual({ id, from: fixture.owner.number, kind: 'delivered' });
  });

  it("written on the owner's phone appear on the linked device as its own", async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await fixture.owner.sendText(fixture.guest.number, 'Я сам напишу');

    await fixture.guest.waitForMessage(({ text }) => text === 'Я сам напишу');
    const own = await waitFor('the copy', () => client.messages.find(({ message }) => message?.conversation));
    expect(own.key).toMatchObject({ remoteJid: fixture.guestJid, fromMe: true });
  });

  it('travel both ways between two linked devices', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const other = fixture.newClient();
    await other.linkTo(fixture.guest);
    await client.send(fixture.guestJid, 'Добрый день');
    await waitFor('the message', () => other.texts().includes('Добрый день'));
    await other.send(`${fixture.owner.number}@s.whatsapp.net`, 'И вам');
    await waitFor('the answer', () => client.texts().includes('И вам'));
    expect(fixture.owner.inbox.map(({ text }) => text)).toEqual(['И вам']);
    expect(fixture.whatsapp.log.filter(({ type }) => type === 'undecryptable')).toEqual([]);
  });

  it('with the same id are shown once', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const id = await client.send(fixture.guestJid, 'Один раз', '3EB0AAAAAAAAAAAAAAAAAA');
    await fixture.guest.waitForMessage((message) => message.id === id);
    await client.send(fixture.guestJid, 'Один раз', id);

    await waitFor(
      'the second',
      () => fixture.whatsapp.log.filter(({ type }) => type === 'decrypted').length === 4,
    );
    expect(fixture.guest.inbox).toHaveLength(1);
    expect(
      fixture.whatsapp.log.flatMap((event) => (event.type === 'message' ? [event.duplicate] : [])),
    ).toEqual([false, true]);
  });

  it('are queued at the server for an offline linked device', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await fixture.disconnect(client);
    await fixture.guest.sendText(fixture.owner.number, 'Пока вас не было');

    const again = fixture.newClient({}, client);
    again.connect();
    await waitFor('the message', () => again.texts().includes('Пока вас не было'));
    expect(again.texts()).toEqual(['Пока вас не было']);
  });

  it('are queued for an offline phone, acknowledged but not delivered', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.guest.goOffline();
    const id = await client.send(fixture.guestJid, 'Вы где?');
    await waitFor('the acknowledgement', () => client.acks.has(id));
    expect(fixture.guest.inbox).toEqual([]);

    fixture.guest.goOnline();
    await fixture.guest.waitForMessage((message) => message.id === id);
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
  });

  it('are requested again by a phone that lost its keys', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await client.send(fixture.guestJid, 'Первое');
    await fixture.guest.waitForMessage(({ text }) => text === 'Первое');
    await fixture.guest.sendText(fixture.owner.number, 'Второе');
    await waitFor('the reply', () => client.texts().includes('Второе'));
    fixture.guest.forgetSessions();
    await client.send(fixture.guestJid, 'Третье');

    await fixture.guest.waitForMessage(({ text }) => text === 'Третье');
    expect(fixture.whatsapp.log.some(({ type }) => type === 'undecryptable')).toBe(true);
  });

  it('are requested again by a linked device that lost its keys', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await client.send(fixture.guestJid, 'Первое');
    await fixture.guest.waitForMessage(({ text }) => text === 'Первое');
    await fixture.guest.sendText(fixture.owner.number, 'Второе');
    await waitFor('the reply', () => client.texts().includes('Второе'));
    await client.keys.clear?.();
    await fixture.guest.sendText(fixture.owner.number, 'Третье');

    await waitFor('the repeated reply', () => client.texts().includes('Третье'));
    expect(client.texts()).toEqual(['Второе', 'Третье']);
  });
});

describe('the directory', () => {
  it('returns which numbers are registered', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    expect(await client.socket.onWhatsApp(fixture.guest.number)).toEqual([
      { jid: fixture.guestJid, exists: true },
    ]);
    expect(await client.socket.onWhatsApp('79995554433')).toEqual([]);
  });
});

describe('many accounts', () => {
  it('link concurrently (20), and each exchanges messages with its own peer', async () => {
    await using fixture = await WhatsAppFixture.start();
    const pairs = Array.from({ length: 20 }, (_, index) => ({
      client: fixture.newClient(),
      own: fixture.whatsapp.phone(`7900100${String(index).padStart(4, '0')}`),
      peer: fixture.whatsapp.phone(`7900200${String(index).padStart(4, '0')}`),
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
    expect(fixture.whatsapp.log.filter(({ type }) => type === 'undecryptable' || type === 'error')).toEqual(
      [],
    );
  }, 60_000);
});
