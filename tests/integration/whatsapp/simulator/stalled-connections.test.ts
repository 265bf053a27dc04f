import { describe, expect, it } from 'vitest';
import { stanza } from '../../../../dev-env/simulators/whatsapp/stanzas/nodes.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { sendQuery } from '../../../support/clients/raw-stanzas.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

describe('a half-open connection', () => {
  it('drops everything that is sent, the closing handshake included', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient({ keepAliveIntervalMs: 500, defaultQueryTimeoutMs: 3000 });
    // With keys and devices cached, a message is sent at once.
    await client.send(fixture.guestJid, 'Пока слышно');
    await fixture.guest.waitForMessage(({ text }) => text === 'Пока слышно');
    const logins = fixture.countEvents('login');
    fixture.whatsapp.halfOpen(fixture.owner);
    const lost = await client.send(fixture.guestJid, 'В никуда');
    await fixture.guest.sendText(fixture.owner.number, 'Вы тут?');
    await waitFor('the client to give up', () => client.socket.ws.isClosing, 10_000);
    expect(client.closeCode).toBeUndefined();
    expect(client.acks.has(lost)).toBe(false);
    expect(client.texts()).toEqual([]);
    expect(fixture.guest.inbox).toHaveLength(1);

    const again = fixture.newClient({}, client);
    again.connect();
    await waitFor('the message', () => again.texts().includes('Вы тут?'));
    expect(fixture.countEvents('login')).toBe(logins + 1);
    expect(client.socket.ws.isClosing).toBe(true);
    await again.send(fixture.guestJid, 'Теперь дошло');
    await fixture.guest.waitForMessage(({ text }) => text === 'Теперь дошло');
    expect(fixture.guest.inbox).toHaveLength(2);
  });
});

describe('a deaf session', () => {
  it('receives responses to pings and messages but no deliveries until it is lifted', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient({ keepAliveIntervalMs: 500 });
    fixture.whatsapp.deafen(fixture.owner);
    const id = await client.send(fixture.guestJid, 'Вы придёте?');
    await fixture.guest.waitForMessage((message) => message.id === id);
    await waitFor('the delivery receipt on its way', () => fixture.countEvents('receipt') === 1);
    fixture.guest.markRead(id);
    await fixture.guest.sendText(fixture.owner.number, 'Приду');
    await waitFor('the acknowledgement', () => client.acks.has(id));
    const ping = stanza('iq', { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' }, [stanza('ping')]);
    expect((await sendQuery(client, ping)).attrs['type']).toBe('result');
    expect([client.isOpen, client.texts(), client.statuses(id)]).toEqual([true, [], []]);

    fixture.whatsapp.undeafen(fixture.owner);
    await waitFor('the answer', () => client.texts().includes('Приду'));
    // Baileys may emit only the last of several receipts that arrive together.
    await waitFor('the receipts', () => client.statuses(id).includes(4));
    expect(client.texts()).toEqual(['Приду']);
  });

  it('stays deaf on a new connection or is lifted by it', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.deafen(fixture.owner);
    await fixture.guest.sendText(fixture.owner.number, 'Раз');
    await fixture.disconnect(client);
    client.connect();
    await client.waitUntilOpen();
    await fixture.guest.sendText(fixture.owner.number, 'Два');
    await waitFor('both messages', () => fixture.owner.inbox.length === 2);
    expect(client.texts()).toEqual([]);

    fixture.whatsapp.deafen(fixture.owner, 'next login');
    await fixture.disconnect(client);
    client.connect();
    await waitFor('both messages', () => client.texts().length === 2);
    expect(client.texts()).toEqual(['Раз', 'Два']);
    await fixture.guest.sendText(fixture.owner.number, 'Три');
    await waitFor('the third', () => client.texts().includes('Три'));
  });

  it('affects one account', async () => {
    await using fixture = await WhatsAppFixture.start();
    const other = fixture.newClient();
    await other.linkTo(fixture.guest);
    const client = await fixture.linkedClient();
    fixture.whatsapp.deafen(fixture.owner);
    await fixture.owner.sendText(fixture.guest.number, 'Слышно?');
    await waitFor('the message', () => other.texts().includes('Слышно?'));
    expect(client.messages.filter(({ message }) => message?.conversation)).toEqual([]);
  });
});

describe('acknowledgements', () => {
  it('can be delayed or missing for one account', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const other = fixture.newClient();
    await other.linkTo(fixture.guest);
    const ownerJid = `${fixture.owner.number}@s.whatsapp.net`;
    fixture.whatsapp.delayAcks(1500, fixture.owner);
    const late = await client.send(fixture.guestJid, 'Не спеша');
    const prompt = await other.send(ownerJid, 'Быстро');
    await waitFor('the prompt one', () => other.acks.has(prompt));
    await waitFor('the delivery receipt', () => client.statuses(late).includes(3));
    expect(client.acks.has(late)).toBe(false);
    await waitFor('the late one', () => client.acks.has(late));

    fixture.whatsapp.withholdAcks(true, fixture.owner);
    const lost = await client.send(fixture.guestJid, 'Без ответа');
    const answered = await other.send(ownerJid, 'С ответом');
    await waitFor('the acknowledgement', () => other.acks.has(answered));
    await waitFor('the delivery receipt', () => client.statuses(lost).includes(3));
    expect(client.acks.has(lost)).toBe(false);
  });
});
