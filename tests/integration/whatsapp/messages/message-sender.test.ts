import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';
import type { SessionHost } from '../../../support/fixtures/whatsapp/session-host.ts';

const text = 'Анна, вы записаны на завтра, 15:00. Ждём вас!';
const fixedMessageId = '3EB0C0FFEE00112233';

describe('BaileysManager.sendMessage', () => {
  it("reaches the client's phone and reports sent, delivered and read", async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const { messageId } = await host.manager.sendMessage(fixture.companyId, '+79165550001', text, {
      messageId: fixedMessageId,
    });

    expect(messageId).toBe(fixedMessageId);
    const received = await fixture.client.waitForMessage(({ id }) => id === fixedMessageId);
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

  it('accepts the Russian national number format', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await host.manager.sendMessage(fixture.companyId, '8 (916) 555-00-01', text);
    const received = await fixture.client.waitForMessage((message) => message.text === text);
    expect(received.from).toBe(fixture.salon.number);
  });

  it('rejects an invalid number', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    await expect(host.manager.sendMessage(fixture.companyId, '12', text)).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
  });

  it('reports not_on_whatsapp and sends nothing when the number is not on WhatsApp', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const { messageId } = await host.manager.sendMessage(fixture.companyId, '+79160000000', text);
    expect(host.messageStatuses(messageId)).toEqual([{ status: 'failed', errorCode: 'not_on_whatsapp' }]);
    expect(fixture.whatsapp.log).not.toContainEqual(
      expect.objectContaining({ type: 'message', id: messageId }),
    );
  });

  it('uses the LID of the number', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requireLidAddressing(true);
    const host = await fixture.linkedHost();
    const { messageId } = await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await host.waitForMessageStatus(messageId, 'delivered');
    expect(fixture.client.inbox).toMatchObject([{ id: messageId, text, addressing: 'lid' }]);
  });

  it('reports the error code of WhatsApp', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    fixture.whatsapp.rejectMessages('463');
    const { messageId } = await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await host.waitForMessageStatus(messageId, 'failed');
    expect(host.messageStatuses(messageId)).toEqual([{ status: 'failed', errorCode: '463' }]);
  });

  it('fails at once without a connection and sends nothing', async () => {
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

  it('fails when the device query times out, and the retry arrives once', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost({ timeouts: { lookupTimeoutMs: 300 } });
    fixture.whatsapp.freeze(fixture.salon);
    await expect(send(fixture, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    fixture.whatsapp.unfreeze(fixture.salon);
    await send(fixture, host);
    await host.waitForMessageStatus(fixedMessageId, 'delivered');
    expect(fixture.client.inbox).toMatchObject([{ id: fixedMessageId, text }]);
    expect(sendCount(fixture)).toBe(1);
  });

  it('fails without sending when the keys of a new recipient cannot be stored', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    using _disk = fullDisk(fixture);
    await expect(send(fixture, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(sendCount(fixture)).toBe(0);
  });

  it('sends nothing until the keys it uses can be stored', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'сначала');
    await fixture.client.waitForMessage((message) => message.text === 'сначала');
    {
      using _disk = fullDisk(fixture);
      await expect(send(fixture, host)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
      expect(sendCount(fixture)).toBe(0);
    }
    await host.waitForState(fixture.companyId, 'connected');
    await send(fixture, host);
    await fixture.client.waitForMessage(({ id }) => id === fixedMessageId);
    expect(sendCount(fixture)).toBe(1);
  });

  it('resends a stored text that the phone could not decrypt, even after a restart', async () => {
    await using fixture = await SessionFixture.start();
    const sent = new Map<string, string>();
    const getSentText = async (_companyId: number, id: string) => sent.get(id);
    const before = await fixture.linkedHost({ getSentText });
    await before.manager.sendMessage(fixture.companyId, fixture.client.number, 'сначала');
    await fixture.client.waitForMessage((message) => message.text === 'сначала');

    fixture.client.goOffline();
    const { messageId } = await before.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await before.waitForMessageStatus(messageId, 'sent');
    sent.set(messageId, text);
    await fixture.stop(before);
    const after = fixture.host({ getSentText });
    await after.manager.initializeManager();
    await after.waitForState(fixture.companyId, 'connected');
    fixture.client.forgetSessions();
    fixture.client.goOnline();

    const received = await fixture.client.waitForMessage((message) => message.id === messageId);
    expect(received.text).toBe(text);
    await after.waitForMessageStatus(messageId, 'delivered');
  });
});

describe('a received message', () => {
  it('is acknowledged but not marked as read', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.linkedHost();
    const id = await fixture.client.sendText(fixture.salon.number, 'Можно перенести?');
    const receipts = () => fixture.client.receipts.filter((receipt) => receipt.id === id);
    await waitFor('the delivery receipt', () => receipts().length > 0);
    expect(receipts().map(({ kind }) => kind)).not.toContain('read');
  });
});

async function send(fixture: SessionFixture, host: SessionHost): Promise<void> {
  await host.manager.sendMessage(fixture.companyId, fixture.client.number, text, {
    messageId: fixedMessageId,
  });
}

/** How often WhatsApp received the message of `send`. */
function sendCount(fixture: SessionFixture): number {
  return fixture.whatsapp.log.filter((event) => event.type === 'message' && event.id === fixedMessageId)
    .length;
}

/** No credential can be written until disposal. */
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
