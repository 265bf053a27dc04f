import { describe, expect, it } from 'vitest';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { ReceivedText } from '../../../../src/ports/received-messages.ts';
import { SlowCredentials } from '../../../support/faults/slow-credentials.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

describe('a text from a client', () => {
  it.each(['pn', 'lid'] as const)(
    'addressed by %s is reported with the phone of its sender',
    async (addressing) => {
      await using fixture = await SessionFixture.start();
      const host = await fixture.linkedHost();
      const received: ReceivedText[] = [];
      host.manager.on('received', (_companyId, message) => received.push(message));
      const id = await fixture.client.sendText(fixture.salon.number, 'СТОП', { addressing });
      await waitFor('the text', () => received.length > 0);
      const sentAt = expect.any(Date) as Date;
      expect(received).toEqual([
        { whatsappMessageId: id, phone: `+${fixture.client.number}`, text: 'СТОП', sentAt },
      ]);
      expect(Math.abs(Date.now() - (received[0]?.sentAt.getTime() ?? 0))).toBeLessThan(10_000);
    },
  );

  it('is reported with the id of the quoted message', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await fixture.client.sendText(fixture.salon.number, '1', { quoting: '3EB0REMINDER' });
    await waitFor('the text', () => received.length > 0);
    expect(received).toMatchObject([{ text: '1', quotedId: '3EB0REMINDER' }]);
  });

  it('that arrived while no socket was open is reported after the next login', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.stop(await fixture.linkedHost());
    await fixture.client.sendText(fixture.salon.number, 'СТОП');
    const host = fixture.host();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await host.manager.initializeManager();
    await host.waitForState(fixture.companyId, 'connected');
    await waitFor('the missed text', () => received.length > 0);
    await fixture.client.sendText(fixture.salon.number, 'СТАРТ');
    await waitFor('the text after it', () => received.length > 1);
    expect(received.map(({ text }) => text)).toEqual(['СТОП', 'СТАРТ']);
  });

  it('is reported although the socket closes between its receipt and the Baileys event', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.stop(await fixture.linkedHost());
    const id = await fixture.client.sendText(fixture.salon.number, 'СТОП');
    fixture.whatsapp.omitNextOfflineMarker(fixture.salon);
    const host = fixture.host();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await host.manager.initializeManager();
    await waitFor('the receipt', () =>
      fixture.whatsapp.log.some((event) => event.type === 'receipt' && event.id === id),
    );
    expect(received).toEqual([]);
    fixture.salon.drop();
    await waitFor('the text', () => received.length > 0);
    await host.waitForState(fixture.companyId, 'connected');
    expect(received.map(({ text }) => text)).toEqual(['СТОП']);
  });

  it.each([
    ['the first', 0],
    ['a later', 1],
  ])(
    'is reported once when the connection drops during its decryption: %s text',
    async (_which, earlierCount) => {
      await using fixture = await SessionFixture.start();
      using directory = new TemporaryDirectory();
      const credentials = new SlowCredentials(directory.path);
      const host = await fixture.linkedHost({ databaseCredentials: credentials });
      const received: ReceivedText[] = [];
      host.manager.on('received', (_companyId, message) => received.push(message));
      for (let n = 1; n <= earlierCount; n += 1) {
        // Without an answer each text of the client is a pre-key message.
        await fixture.client.sendText(fixture.salon.number, 'СТАРТ');
        await waitFor('the previous text', () => received.length === n);
        await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Хорошо');
        await waitFor('the answer', () => fixture.client.inbox.length === n);
      }
      let drops = 0;
      credentials.shouldFail = (types) => {
        if (types.includes('session') && drops++ === 0) fixture.salon.drop();
        return false;
      };
      await fixture.client.sendText(fixture.salon.number, 'СТОП');
      await waitFor('the text', () => received.at(-1)?.text === 'СТОП', 10_000);
      expect(drops).toBeGreaterThan(0);
      expect(received).toHaveLength(earlierCount + 1);
      expect(
        fixture.whatsapp.log.filter((event) => event.type === 'receipt' && event.kind === 'retry'),
      ).toEqual([]);
    },
  );

  it('from before the device was linked is not reported', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.client.sendText(fixture.salon.number, 'СТОП');
    await fixture.salon.waitForMessage(({ text }) => text === 'СТОП');
    const host = fixture.host();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await host.link(fixture.companyId, fixture.salon);
    await fixture.client.sendText(fixture.salon.number, 'Добрый день');
    await waitFor('the text', () => received.length > 0);
    expect(received.map(({ text }) => text)).toEqual(['Добрый день']);
  });

  it("leaves the chat unread on the salon's phone", async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    const id = await fixture.client.sendText(fixture.salon.number, 'Здравствуйте');
    await waitFor('the text', () => received.length > 0);
    expect(fixture.whatsapp.log.filter((event) => event.type === 'receipt' && event.kind === 'read')).toEqual(
      [],
    );
    expect(received.map(({ whatsappMessageId }) => whatsappMessageId)).toEqual([id]);
  });

  it("from the salon's own phone is not reported", async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await fixture.salon.sendText(fixture.client.number, '1');
    await fixture.client.sendText(fixture.salon.number, 'ответ');
    await waitFor('the answer', () => received.length > 0);
    expect(received.map(({ text }) => text)).toEqual(['ответ']);
  });
});

describe('a message with a typing time', () => {
  it('shows the typing indicator to the client before it arrives', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const { messageId } = await host.manager.sendMessage(
      fixture.companyId,
      `+${fixture.client.number}`,
      'Ждём вас!',
      {
        typingMs: 50,
      },
    );
    await host.waitForMessageStatus(messageId, 'delivered');
    const kinds = fixture.whatsapp.log.flatMap((event) =>
      event.type === 'typing'
        ? [event.state]
        : event.type === 'message' && event.id === messageId
          ? ['message']
          : [],
    );
    expect(kinds).toEqual(['composing', 'paused', 'message']);
  });
});
