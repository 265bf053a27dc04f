import { type BinaryNode, proto } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

describe('a phone that links again', () => {
  it('links a new device after it removed the old one', async () => {
    await using fixture = await WhatsAppFixture.start();
    const old = await fixture.linkedClient();
    fixture.owner.removeDevice(1);
    expect(await old.waitForClose()).toBe(401);

    const client = await fixture.linkedClient();
    expect(client.creds.me?.id).toBe(`${fixture.owner.number}:2@s.whatsapp.net`);
    expect(client.creds.me?.lid).toBe(`${fixture.owner.lid}:2@lid`);
    expect(fixture.owner.linkedDevices).toEqual([2]);
    await client.send(fixture.guestJid, 'Мы вернулись');
    await fixture.guest.waitForMessage(({ text }) => text === 'Мы вернулись');
    await fixture.guest.sendText(fixture.owner.number, 'Рады');
    await waitFor('the answer', () => client.texts().includes('Рады'));
  });

  it('keeps its devices when it links another', async () => {
    await using fixture = await WhatsAppFixture.start();
    const first = await fixture.linkedClient();
    const second = await fixture.linkedClient();
    expect(fixture.owner.linkedDevices).toEqual([1, 2]);
    await fixture.guest.sendText(fixture.owner.number, 'Всем');
    await waitFor('the message', () => [first, second].every((client) => client.texts().includes('Всем')));
  });

  it('has no device after a reinstallation and can link one', async () => {
    await using fixture = await WhatsAppFixture.start();
    const old = await fixture.linkedClient();
    await old.send(fixture.guestJid, 'Со старого телефона');
    await fixture.guest.waitForMessage(({ text }) => text === 'Со старого телефона');
    fixture.owner.reinstall();
    expect(await old.waitForClose()).toBe(401);

    const client = await fixture.linkedClient();
    expect(client.creds.account?.accountSignatureKey).not.toEqual(old.creds.account?.accountSignatureKey);
    await client.send(fixture.guestJid, 'С нового');
    await fixture.guest.waitForMessage(({ text }) => text === 'С нового');
    expect(fixture.owner.sentFromCompanions.map(({ text }) => text)).toEqual([
      'Со старого телефона',
      'С нового',
    ]);
  });
});

describe('a phone that cannot decrypt a message', () => {
  it('sends retry receipts until it can', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.guest.failToDecrypt(2);
    const id = await client.send(fixture.guestJid, 'С третьего раза');
    await fixture.guest.waitForMessage((message) => message.id === id);
    await waitFor('the delivery receipt', () => client.statuses(id).includes(3));
    expect(fixture.countEvents('undecryptable')).toBe(2);
    const kinds = fixture.whatsapp.log.flatMap((event) => (event.type === 'receipt' ? [event.kind] : []));
    expect(kinds).toEqual(['retry', 'retry', 'delivered']);
    expect(fixture.guest.inbox).toHaveLength(1);
  });

  it('needs a client that still has the text after a reconnect', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.guest.goOffline();
    fixture.guest.failToDecrypt();
    const id = await client.send(fixture.guestJid, 'Перед перезапуском');
    await waitFor('the acknowledgement', () => client.acks.has(id));
    await fixture.disconnect(client);

    const asked: (string | null | undefined)[] = [];
    const sent: proto.IMessage = { conversation: 'Перед перезапуском' };
    const getMessage = async ({ id: wanted }: proto.IMessageKey): Promise<proto.IMessage | undefined> => {
      asked.push(wanted);
      return wanted === id ? sent : undefined;
    };
    const again = fixture.newClient({ getMessage }, client);
    again.connect();
    await again.waitUntilOpen();
    fixture.guest.goOnline();
    const received = await fixture.guest.waitForMessage((message) => message.id === id);
    expect(received.text).toBe('Перед перезапуском');
    expect(asked).toEqual([id]);
    expect(fixture.guest.inbox).toHaveLength(1);
  });

  it('never shows the message when its sender no longer has the text', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient({ enableRecentMessageCache: false });
    fixture.guest.failToDecrypt();
    const lost = await client.send(fixture.guestJid, 'Забытое');
    await waitFor('the retry receipt', () => fixture.countEvents('receipt') === 1);
    const next = await client.send(fixture.guestJid, 'Следующее');
    await fixture.guest.waitForMessage((message) => message.id === next);
    expect(fixture.guest.inbox.map(({ id }) => id)).not.toContain(lost);
    expect(client.statuses(lost)).toEqual([]);
  });

  it('receives it under its new identity after a reinstallation', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await client.send(fixture.guestJid, 'На старый телефон');
    await fixture.guest.waitForMessage(({ text }) => text === 'На старый телефон');
    fixture.guest.reinstall();
    await client.send(fixture.guestJid, 'На новый телефон');
    await fixture.guest.waitForMessage(({ text }) => text === 'На новый телефон');
    expect(fixture.countEvents('undecryptable')).toBe(1);
  });
});

describe('a phone that receives a peer data request', () => {
  it('confirms it with peer_msg and shows nothing', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const receipts: string[] = [];
    client.socket.ws.on('CB:receipt,type:peer_msg', ({ attrs }: BinaryNode) => {
      receipts.push(attrs['id'] ?? '');
    });
    const messageKey = { remoteJid: fixture.guestJid, fromMe: true, id: 'AAAAAAAAAAAAAAAAAAAA' };
    const ask = () =>
      client.socket.sendPeerDataOperationMessage({
        placeholderMessageResendRequest: [{ messageKey }],
        peerDataOperationRequestType: proto.Message.PeerDataOperationRequestType.PLACEHOLDER_MESSAGE_RESEND,
      });
    const first = await ask();
    await waitFor('the receipt', () => receipts.includes(first));
    fixture.owner.goOffline();
    const second = await ask();
    await waitFor('the acknowledgement', () => client.acks.has(second));
    expect(receipts).toEqual([first]);
    fixture.owner.goOnline();
    await waitFor('the late receipt', () => receipts.includes(second));
    expect([fixture.owner.inbox, fixture.owner.sentFromCompanions, fixture.owner.receipts]).toEqual([
      [],
      [],
      [],
    ]);
  });
});
