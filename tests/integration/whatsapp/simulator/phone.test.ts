import { type BinaryNode, proto } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';

import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';

describe('a phone that links again', () => {
  it('gives the same number a new device after it has removed the old one', async () => {
    await using world = await WhatsAppWorld.start();
    const old = await world.linkedClient();
    world.owner.removeDevice(1);
    expect(await old.closed()).toBe(401);

    const client = await world.linkedClient();
    expect(client.creds.me?.id).toBe(`${world.owner.number}:2@s.whatsapp.net`);
    expect(client.creds.me?.lid).toBe(`${world.owner.lid}:2@lid`);
    expect(world.owner.linkedDevices).toEqual([2]);
    await client.send(world.guestJid, 'Мы вернулись');
    await world.guest.waitForMessage(({ text }) => text === 'Мы вернулись');
    await world.guest.sendText(world.owner.number, 'Рады');
    await waitFor('the answer', () => client.texts().includes('Рады'));
  });

  it('keeps the devices it has when it links another', async () => {
    await using world = await WhatsAppWorld.start();
    const first = await world.linkedClient();
    const second = await world.linkedClient();
    expect(world.owner.linkedDevices).toEqual([1, 2]);
    await world.guest.sendText(world.owner.number, 'Всем');
    await waitFor('the message', () => [first, second].every((client) => client.texts().includes('Всем')));
  });

  it('has no device left after it was set up anew, and can link one', async () => {
    await using world = await WhatsAppWorld.start();
    const old = await world.linkedClient();
    await old.send(world.guestJid, 'Со старого телефона');
    await world.guest.waitForMessage(({ text }) => text === 'Со старого телефона');
    world.owner.reinstall();
    expect(await old.closed()).toBe(401);

    const client = await world.linkedClient();
    expect(client.creds.account?.accountSignatureKey).not.toEqual(old.creds.account?.accountSignatureKey);
    await client.send(world.guestJid, 'С нового');
    await world.guest.waitForMessage(({ text }) => text === 'С нового');
    expect(world.owner.sentFromCompanions.map(({ text }) => text)).toEqual([
      'Со старого телефона',
      'С нового',
    ]);
  });
});

describe('a phone that cannot decrypt a message', () => {
  it('asks for it again until it can', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.guest.failToDecrypt(2);
    const id = await client.send(world.guestJid, 'С третьего раза');
    await world.guest.waitForMessage((message) => message.id === id);
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
    expect(world.happened('undecryptable')).toBe(2);
    const kinds = world.whatsapp.log.flatMap((event) => (event.type === 'receipt' ? [event.kind] : []));
    expect(kinds).toEqual(['retry', 'retry', 'delivered']);
    expect(world.guest.inbox).toHaveLength(1);
  });

  it('needs a client that finds the text again, when its socket is a new one', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.guest.goOffline();
    world.guest.failToDecrypt();
    const id = await client.send(world.guestJid, 'Перед перезапуском');
    await waitFor('the acknowledgement', () => client.acks.has(id));
    await world.leave(client);

    const asked: (string | null | undefined)[] = [];
    const sent: proto.IMessage = { conversation: 'Перед перезапуском' };
    const getMessage = async ({ id: wanted }: proto.IMessageKey): Promise<proto.IMessage | undefined> => {
      asked.push(wanted);
      return wanted === id ? sent : undefined;
    };
    const again = world.newClient({ getMessage }, client);
    again.connect();
    await again.opened();
    world.guest.goOnline();
    const received = await world.guest.waitForMessage((message) => message.id === id);
    expect(received.text).toBe('Перед перезапуском');
    expect(asked).toEqual([id]);
    expect(world.guest.inbox).toHaveLength(1);
  });

  it('never shows the message when its sender has forgotten the text', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient({ enableRecentMessageCache: false });
    world.guest.failToDecrypt();
    const lost = await client.send(world.guestJid, 'Забытое');
    await waitFor('the retry receipt', () => world.happened('receipt') === 1);
    const next = await client.send(world.guestJid, 'Следующее');
    await world.guest.waitForMessage((message) => message.id === next);
    expect(world.guest.inbox.map(({ id }) => id)).not.toContain(lost);
    expect(client.statuses(lost)).toEqual([]);
  });

  it('because it was set up anew gets it under its new identity', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await client.send(world.guestJid, 'На старый телефон');
    await world.guest.waitForMessage(({ text }) => text === 'На старый телефон');
    world.guest.reinstall();
    await client.send(world.guestJid, 'На новый телефон');
    await world.guest.waitForMessage(({ text }) => text === 'На новый телефон');
    expect(world.happened('undecryptable')).toBe(1);
  });
});

describe('a phone that its companion asks for data', () => {
  it('confirms with peer_msg that it was asked, and shows nothing', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const receipts: string[] = [];
    client.socket.ws.on('CB:receipt,type:peer_msg', ({ attrs }: BinaryNode) => {
      receipts.push(attrs['id'] ?? '');
    });
    const messageKey = { remoteJid: world.guestJid, fromMe: true, id: 'AAAAAAAAAAAAAAAAAAAA' };
    const ask = () =>
      client.socket.sendPeerDataOperationMessage({
        placeholderMessageResendRequest: [{ messageKey }],
        peerDataOperationRequestType: proto.Message.PeerDataOperationRequestType.PLACEHOLDER_MESSAGE_RESEND,
      });
    const first = await ask();
    await waitFor('the receipt', () => receipts.includes(first));
    world.owner.goOffline();
    const second = await ask();
    await waitFor('the acknowledgement', () => client.acks.has(second));
    expect(receipts).toEqual([first]);
    world.owner.goOnline();
    await waitFor('the late receipt', () => receipts.includes(second));
    expect([world.owner.inbox, world.owner.sentFromCompanions, world.owner.receipts]).toEqual([[], [], []]);
  });
});
