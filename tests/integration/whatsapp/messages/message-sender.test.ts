import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { SessionHost } from '../../../support/fixtures/session-host.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const text = 'Анна, вы записаны на завтра, 15:00. Ждём вас!';
const givenId = '3EB0C0FFEE00112233';

describe('sending a message', () => {
  it('reaches the phone of the client, and its status climbs from sent over delivered to read', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const { messageId } = await host.manager.sendMessage(world.company, '+79165550001', text, {
      messageId: givenId,
    });

    expect(messageId).toBe(givenId);
    const received = await world.client.waitForMessage(({ id }) => id === givenId);
    expect(received).toMatchObject({ from: world.salon.number, text });
    await host.hears(messageId, 'delivered');
    world.client.markRead(messageId);
    await host.hears(messageId, 'read');
    expect(host.statusesOf(messageId)).toEqual([
      { status: 'sent' },
      { status: 'delivered' },
      { status: 'read' },
    ]);
  });

  it('understands a number as people in Russia write it', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    await host.manager.sendMessage(world.company, '8 (916) 555-00-01', text);
    const received = await world.client.waitForMessage((message) => message.text === text);
    expect(received.from).toBe(world.salon.number);
  });

  it('to what is no number is refused', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    await expect(host.manager.sendMessage(world.company, '12', text)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
  });

  it('fails when the number is not on WhatsApp, and nothing is sent', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const { messageId } = await host.manager.sendMessage(world.company, '+79160000000', text);
    expect(host.statusesOf(messageId)).toEqual([{ status: 'failed', errorCode: 'not_on_whatsapp' }]);
    expect(world.whatsapp.log).not.toContainEqual(
      expect.objectContaining({ type: 'message', id: messageId }),
    );
  });

  it('uses the hidden identity that WhatsApp has mapped to the number', async () => {
    await using world = await SessionWorld.start();
    world.whatsapp.requireLidAddressing(true);
    const host = await world.linkedHost();
    const { messageId } = await host.manager.sendMessage(world.company, world.client.number, text);
    await host.hears(messageId, 'delivered');
    expect(world.client.inbox).toMatchObject([{ id: messageId, text, addressing: 'lid' }]);
  });

  it('reports the code with which WhatsApp refused it', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    world.whatsapp.rejectMessages('463');
    const { messageId } = await host.manager.sendMessage(world.company, world.client.number, text);
    await host.hears(messageId, 'failed');
    expect(host.statusesOf(messageId)).toEqual([{ status: 'failed', errorCode: '463' }]);
  });

  it('without a connection fails at once and sends nothing', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    await expect(host.manager.sendMessage(world.company, world.client.number, text)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    await host.link(world.company, world.salon);
    world.whatsapp.refuseUpgrades(503);
    world.salon.drop();
    await host.reaches(world.company, 'reconnecting');
    await expect(host.manager.sendMessage(world.company, world.client.number, text)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    expect(world.client.inbox).toEqual([]);
  });

  it('is said not to have left when WhatsApp does not tell whom to encrypt for, and arrives once when repeated', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost({ timings: { lookupTimeoutMs: 300 } });
    world.whatsapp.freeze(world.salon);
    await expect(send(world, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    world.whatsapp.unfreeze(world.salon);
    await send(world, host);
    await host.hears(givenId, 'delivered');
    expect(world.client.inbox).toMatchObject([{ id: givenId, text }]);
    expect(timesGiven(world)).toBe(1);
  });

  it('is said not to have left when the keys for its first recipient could not be stored', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    using _disk = fullDisk(world);
    await expect(send(world, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(timesGiven(world)).toBe(0);
  });

  it('does not leave while the keys it uses up cannot be stored, and leaves when they can', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    await host.manager.sendMessage(world.company, world.client.number, 'сначала');
    await world.client.waitForMessage((message) => message.text === 'сначала');
    {
      using _disk = fullDisk(world);
      await expect(send(world, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
      expect(timesGiven(world)).toBe(0);
    }
    await host.reaches(world.company, 'connected');
    await send(world, host);
    await world.client.waitForMessage(({ id }) => id === givenId);
    expect(timesGiven(world)).toBe(1);
  });

  it('is repeated from our own store when a phone could not decrypt it, even after a restart', async () => {
    await using world = await SessionWorld.start();
    const sent = new Map<string, string>();
    const getMessage = async (_companyId: number, id: string) => sent.get(id);
    const before = await world.linkedHost({ getMessage });
    await before.manager.sendMessage(world.company, world.client.number, 'сначала');
    await world.client.waitForMessage((message) => message.text === 'сначала');

    world.client.goOffline();
    const { messageId } = await before.manager.sendMessage(world.company, world.client.number, text);
    await before.hears(messageId, 'sent');
    sent.set(messageId, text);
    await world.stop(before);
    const after = world.host({ getMessage });
    await after.manager.initializeManager();
    await after.reaches(world.company, 'connected');
    world.client.forgetSessions();
    world.client.goOnline();

    const received = await world.client.waitForMessage((message) => message.id === messageId);
    expect(received.text).toBe(text);
    await after.hears(messageId, 'delivered');
  });
});

describe('what clients write', () => {
  it('is taken in, and never marked as read', async () => {
    await using world = await SessionWorld.start();
    await world.linkedHost();
    const id = await world.client.sendText(world.salon.number, 'Можно перенести?');
    const receipts = () => world.client.receipts.filter((receipt) => receipt.id === id);
    await waitFor('the delivery receipt', () => receipts().length > 0);
    expect(receipts().map(({ kind }) => kind)).not.toContain('read');
  });
});

async function send(world: SessionWorld, host: SessionHost): Promise<void> {
  await host.manager.sendMessage(world.company, world.client.number, text, { messageId: givenId });
}

/** How often WhatsApp was given the message of `send`. */
function timesGiven(world: SessionWorld): number {
  return world.whatsapp.log.filter((event) => event.type === 'message' && event.id === givenId).length;
}

/** Until its disposal no credential can be written. */
function fullDisk(world: SessionWorld): Disposable {
  const database = new DatabaseSync(join(world.directory, 'credentials.sqlite'));
  database.exec(`
    create trigger full_disk before insert on credentials begin select raise(abort, 'disk full'); end;
  `);
  return {
    [Symbol.dispose]: () => {
      database.exec('drop trigger full_disk');
      database.close();
    },
  };
}
