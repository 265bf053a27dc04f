import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { SessionHost } from '../../../support/fixtures/session-host.ts';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const text = 'Анна, вы записаны на завтра, 15:00. Ждём вас!';
const givenId = '3EB0C0FFEE00112233';

describe('sending a message', () => {
  it('reaches the phone of the client, and its status climbs from sent over delivered to read', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const { messageId } = await host.manager.sendMessage(fixture.companyId, '+79165550001', text, {
      messageId: givenId,
    });

    expect(messageId).toBe(givenId);
    const received = await fixture.client.waitForMessage(({ id }) => id === givenId);
    expect(received).toMatchObject({ from: fixture.salon.number, text });
    await host.waitForMessageStatus(messageId, 'delivered');
    fixture.client.markRead(messageId);
    await host.waitForMessageStatus(messageId, 'read');
    expect(host.messageStatuses(messageId)).toEqual([
      { status: 'sent' },
      { status: 'delivered' },
      { status: 'read' },
    ]);
  });

  it('understands a number as people in Russia write it', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await host.manager.sendMessage(fixture.companyId, '8 (916) 555-00-01', text);
    const received = await fixture.client.waitForMessage((message) => message.text === text);
    expect(received.from).toBe(fixture.salon.number);
  });

  it('to what is no number is refused', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    await expect(host.manager.sendMessage(fixture.companyId, '12', text)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
  });

  it('fails when the number is not on WhatsApp, and nothing is sent', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const { messageId } = await host.manager.sendMessage(fixture.companyId, '+79160000000', text);
    expect(host.messageStatuses(messageId)).toEqual([{ status: 'failed', errorCode: 'not_on_whatsapp' }]);
    expect(fixture.whatsapp.log).not.toContainEqual(
      expect.objectContaining({ type: 'message', id: messageId }),
    );
  });

  it('uses the hidden identity that WhatsApp has mapped to the number', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requireLidAddressing(true);
    const host = await fixture.linkedHost();
    const { messageId } = await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await host.waitForMessageStatus(messageId, 'delivered');
    expect(fixture.client.inbox).toMatchObject([{ id: messageId, text, addressing: 'lid' }]);
  });

  it('reports the code with which WhatsApp refused it', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    fixture.whatsapp.rejectMessages('463');
    const { messageId } = await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await host.waitForMessageStatus(messageId, 'failed');
    expect(host.messageStatuses(messageId)).toEqual([{ status: 'failed', errorCode: '463' }]);
  });

  it('without a connection fails at once and sends nothing', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    await expect(
      host.manager.sendMessage(fixture.companyId, fixture.client.number, text),
    ).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    await host.link(fixture.companyId, fixture.salon);
    fixture.whatsapp.refuseUpgrades(503);
    fixture.salon.drop();
    await host.waitForState(fixture.companyId, 'reconnecting');
    await expect(
      host.manager.sendMessage(fixture.companyId, fixture.client.number, text),
    ).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    expect(fixture.client.inbox).toEqual([]);
  });

  it('is said not to have left when WhatsApp does not tell whom to encrypt for, and arrives once when repeated', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost({ timeouts: { lookupTimeoutMs: 300 } });
    fixture.whatsapp.freeze(fixture.salon);
    await expect(send(fixture, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    fixture.whatsapp.unfreeze(fixture.salon);
    await send(fixture, host);
    await host.waitForMessageStatus(givenId, 'delivered');
    expect(fixture.client.inbox).toMatchObject([{ id: givenId, text }]);
    expect(timesGiven(fixture)).toBe(1);
  });

  it('is said not to have left when the keys for its first recipient could not be stored', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    using _disk = fullDisk(fixture);
    await expect(send(fixture, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(timesGiven(fixture)).toBe(0);
  });

  it('does not leave while the keys it uses up cannot be stored, and leaves when they can', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'сначала');
    await fixture.client.waitForMessage((message) => message.text === 'сначала');
    {
      using _disk = fullDisk(fixture);
      await expect(send(fixture, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
      expect(timesGiven(fixture)).toBe(0);
    }
    await host.waitForState(fixture.companyId, 'connected');
    await send(fixture, host);
    await fixture.client.waitForMessage(({ id }) => id === givenId);
    expect(timesGiven(fixture)).toBe(1);
  });

  it('is repeated from our own store when a phone could not decrypt it, even after a restart', async () => {
    await using fixture = await SessionFixture.start();
    const sent = new Map<string, string>();
    const getMessage = async (_companyId: number, id: string) => sent.get(id);
    const before = await fixture.linkedHost({ getMessage });
    await before.manager.sendMessage(fixture.companyId, fixture.client.number, 'сначала');
    await fixture.client.waitForMessage((message) => message.text === 'сначала');

    fixture.client.goOffline();
    const { messageId } = await before.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await before.waitForMessageStatus(messageId, 'sent');
    sent.set(messageId, text);
    await fixture.stop(before);
    const after = fixture.host({ getMessage });
    await after.manager.initializeManager();
    await after.waitForState(fixture.companyId, 'connected');
    fixture.client.forgetSessions();
    fixture.client.goOnline();

    const received = await fixture.client.waitForMessage((message) => message.id === messageId);
    expect(received.text).toBe(text);
    await after.waitForMessageStatus(messageId, 'delivered');
  });
});

describe('what clients write', () => {
  it('is taken in, and never marked as read', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.linkedHost();
    const id = await fixture.client.sendText(fixture.salon.number, 'Можно перенести?');
    const receipts = () => fixture.client.receipts.filter((receipt) => receipt.id === id);
    await waitFor('the delivery receipt', () => receipts().length > 0);
    expect(receipts().map(({ kind }) => kind)).not.toContain('read');
  });
});

async function send(fixture: SessionFixture, host: SessionHost): Promise<void> {
  await host.manager.sendMessage(fixture.companyId, fixture.client.number, text, { messageId: givenId });
}

/** How often WhatsApp was given the message of `send`. */
function timesGiven(fixture: SessionFixture): number {
  return fixture.whatsapp.log.filter((event) => event.type === 'message' && event.id === givenId).length;
}

/** Until its disposal no credential can be written. */
function fullDisk(fixture: SessionFixture): Disposable {
  const database = new DatabaseSync(join(fixture.directory, 'credentials.sqlite'));
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
