import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

describe('a fault of the simulated service', () => {
  it('ends dropped connections with 428', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.owner.drop();
    expect(await client.waitForClose()).toBe(428);
    client.connect();
    await client.waitUntilOpen();
    fixture.whatsapp.dropAll();
    expect(await client.waitForClose()).toBe(428);
  });

  it('ends every session with 503 on a restart of the service', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.endAll(503);
    expect(await client.waitForClose()).toBe(503);
  });

  it('reports the cause and the end of a temporary ban', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.refuseLogins(402, { code: '104', expire: '3600' });
    const client = fixture.newClient();
    client.connect();
    expect(await client.waitForClose()).toBe(402);
    expect(client.closeData).toMatchObject({ reason: '402', code: '104', expire: '3600' });
  });

  it('answers refused messages with an error and does not deliver them', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.rejectMessages('463');
    const id = await client.send(fixture.guestJid, 'Не дойдёт');
    await waitFor('the error', () => client.statuses(id).includes(0));
    expect(client.acks.get(id)).toBe('463');

    fixture.whatsapp.rejectMessages(undefined);
    const next = await client.send(fixture.guestJid, 'Дойдёт');
    await fixture.guest.waitForMessage((message) => message.id === next);
    expect(fixture.guest.inbox.map(({ text }) => text)).toEqual(['Дойдёт']);
  });

  it('refuses messages to phone numbers but not to hidden identities', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.requireLidAddressing(true);
    const refused = await client.send(fixture.guestJid, 'По номеру');
    await waitFor('the error', () => client.acks.get(refused) === '463');
    const accepted = await client.send(`${fixture.guest.lid}@lid`, 'По скрытому имени');

    await fixture.guest.waitForMessage((message) => message.id === accepted);
    await waitFor('the delivery receipt', () => client.statuses(accepted).includes(3));
    expect(fixture.guest.inbox.map(({ text }) => text)).toEqual(['По скрытому имени']);
  });

  it('delays or withholds acknowledgements while messages arrive', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.delayAcks(400);
    const late = await client.send(fixture.guestJid, 'Раз');
    await fixture.guest.waitForMessage((message) => message.id === late);
    expect(client.acks.has(late)).toBe(false);
    await waitFor('the late acknowledgement', () => client.acks.has(late));

    fixture.whatsapp.withholdAcks(true);
    const lost = await client.send(fixture.guestJid, 'Два');
    await waitFor('the delivery receipt', () => client.statuses(lost).includes(3));
    expect(client.acks.has(lost)).toBe(false);
  });

  it('sends nothing to a frozen account until its client disconnects with 408', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient({ keepAliveIntervalMs: 500 });
    fixture.whatsapp.freeze(fixture.owner);
    await fixture.guest.sendText(fixture.owner.number, 'Вы тут?');
    expect(await client.waitForClose(15_000)).toBe(408);
    expect(client.texts()).toEqual([]);

    fixture.whatsapp.unfreeze(fixture.owner);
    client.connect();
    await waitFor('the message', () => client.texts().includes('Вы тут?'));
  });

  it('answers a refused upgrade with its HTTP status', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.refuseUpgrades(503);
    const socket = new WebSocket(fixture.whatsapp.url);
    const [error] = await once(socket, 'error').catch((thrown: unknown) => [thrown]);
    expect(String(error)).toContain('503');
  });
});
