import { describe, expect, it } from 'vitest';

import { ask } from '../../../support/clients/raw-stanzas.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';
import { stanza } from '../../../../dev-env/simulators/whatsapp/stanzas/nodes.ts';

describe('a half-open connection', () => {
  it('takes what is sent without a word, and not even its closing is answered', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient({ keepAliveIntervalMs: 500, defaultQueryTimeoutMs: 3000 });
    // With the keys and devices at hand a message leaves at once.
    await client.send(world.guestJid, 'Пока слышно');
    await world.guest.waitForMessage(({ text }) => text === 'Пока слышно');
    const logins = world.happened('login');
    world.whatsapp.halfOpen(world.owner);
    const lost = await client.send(world.guestJid, 'В никуда');
    await world.guest.sendText(world.owner.number, 'Вы тут?');
    await waitFor('the client to give up', () => client.socket.ws.isClosing, 10_000);
    expect(client.closeCode).toBeUndefined();
    expect(client.acks.has(lost)).toBe(false);
    expect(client.texts()).toEqual([]);
    expect(world.guest.inbox).toHaveLength(1);

    const again = world.newClient({}, client);
    again.connect();
    await waitFor('the message', () => again.texts().includes('Вы тут?'));
    expect(world.happened('login')).toBe(logins + 1);
    expect(client.socket.ws.isClosing).toBe(true);
    await again.send(world.guestJid, 'Теперь дошло');
    await world.guest.waitForMessage(({ text }) => text === 'Теперь дошло');
    expect(world.guest.inbox).toHaveLength(2);
  });
});

describe('a deaf session', () => {
  it('has its pings and messages answered and hears nothing, until that is lifted', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient({ keepAliveIntervalMs: 500 });
    world.whatsapp.deafen(world.owner);
    const id = await client.send(world.guestJid, 'Вы придёте?');
    await world.guest.waitForMessage((message) => message.id === id);
    await waitFor('the delivery receipt on its way', () => world.happened('receipt') === 1);
    world.guest.markRead(id);
    await world.guest.sendText(world.owner.number, 'Приду');
    await waitFor('the acknowledgement', () => client.acks.has(id));
    const ping = stanza('iq', { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' }, [stanza('ping')]);
    expect((await ask(client, ping)).attrs['type']).toBe('result');
    expect([client.isOpen, client.texts(), client.statuses(id)]).toEqual([true, [], []]);

    world.whatsapp.undeafen(world.owner);
    await waitFor('the answer', () => client.texts().includes('Приду'));
    // Of receipts that come together Baileys may tell the last alone.
    await waitFor('the receipts', () => client.statuses(id).includes(4));
    expect(client.texts()).toEqual(['Приду']);
  });

  it('stays deaf over a new connection, or is cured by it', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.whatsapp.deafen(world.owner);
    await world.guest.sendText(world.owner.number, 'Раз');
    await world.leave(client);
    client.connect();
    await client.opened();
    await world.guest.sendText(world.owner.number, 'Два');
    await waitFor('both messages', () => world.owner.inbox.length === 2);
    expect(client.texts()).toEqual([]);

    world.whatsapp.deafen(world.owner, 'next login');
    await world.leave(client);
    client.connect();
    await waitFor('both messages', () => client.texts().length === 2);
    expect(client.texts()).toEqual(['Раз', 'Два']);
    await world.guest.sendText(world.owner.number, 'Три');
    await waitFor('the third', () => client.texts().includes('Три'));
  });

  it('is of one account', async () => {
    await using world = await WhatsAppWorld.start();
    const other = world.newClient();
    await other.linkTo(world.guest);
    const client = await world.linkedClient();
    world.whatsapp.deafen(world.owner);
    await world.owner.sendText(world.guest.number, 'Слышно?');
    await waitFor('the message', () => other.texts().includes('Слышно?'));
    expect(client.messages.filter(({ message }) => message?.conversation)).toEqual([]);
  });
});

describe('acknowledgements', () => {
  it('can be late or missing for one account', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const other = world.newClient();
    await other.linkTo(world.guest);
    const ownerJid = `${world.owner.number}@s.whatsapp.net`;
    world.whatsapp.delayAcks(1500, world.owner);
    const late = await client.send(world.guestJid, 'Не спеша');
    const prompt = await other.send(ownerJid, 'Быстро');
    await waitFor('the prompt one', () => other.acks.has(prompt));
    await waitFor('the delivery receipt', () => client.statuses(late).includes(3));
    expect(client.acks.has(late)).toBe(false);
    await waitFor('the late one', () => client.acks.has(late));

    world.whatsapp.withholdAcks(true, world.owner);
    const lost = await client.send(world.guestJid, 'Без ответа');
    const answered = await other.send(ownerJid, 'С ответом');
    await waitFor('the acknowledgement', () => other.acks.has(answered));
    await waitFor('the delivery receipt', () => client.statuses(lost).includes(3));
    expect(client.acks.has(lost)).toBe(false);
  });
});
