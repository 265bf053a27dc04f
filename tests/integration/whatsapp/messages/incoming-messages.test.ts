import { describe, expect, it } from 'vitest';
import { SlowCredentials } from '../../../support/faults/slow-credentials.ts';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { ReceivedText } from '../../../../src/ports/received-messages.ts';

describe('a text from a client', () => {
  it.each(['pn', 'lid'] as const)(
    'addressed by %s is told with the phone of its sender',
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

  it('is told with the message that it answers', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await fixture.client.sendText(fixture.salon.number, '1', { quoting: '3EB0REMINDER' });
    await waitFor('the text', () => received.length > 0);
    expect(received).toMatchObject([{ text: '1', quotedId: '3EB0REMINDER' }]);
  });

  it('that came while no socket was open is told when one is, and what came after it', async () => {
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

  it('that was confirmed to WhatsApp after a login is told although the socket ends before Baileys tells it', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.stop(await fixture.linkedHost());
    const id = await fixture.client.sendText(fixture.salon.number, 'СТОП');
    fixture.whatsapp.omitNextOfflineMarker(fixture.salon);
    const host = fixture.host();
    const received: ReceivedText[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await host.manager.initializeManager();
    await waitFor('the receipt, after which WhatsApp has nothing left to tell', () =>
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
    'that WhatsApp delivers again, its line having dropped while it was decrypted, is told: %s one',
    async (_which, earlier) => {
      await using fixture = await SessionFixture.start();
      using directory = new TemporaryDirectory();
      const rows = new SlowCredentials(directory.path);
      const host = await fixture.linkedHost({ databaseCredentials: rows });
      const received: ReceivedText[] = [];
      host.manager.on('received', (_companyId, message) => received.push(message));
      for (let n = 1; n <= earlier; n += 1) {
        // Answered: else each text of a client begins the chat anew.
        await fixture.client.sendText(fixture.salon.number, 'СТАРТ');
        await waitFor('the text before it', () => received.length === n);
        await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Хорошо');
        await waitFor('the answer', () => fixture.client.inbox.length === n);
      }
      let drops = 0;
      rows.shouldFail = (types) => {
        if (types.includes('session') && drops++ === 0) fixture.salon.drop();
        return false;
      };
      await fixture.client.sendText(fixture.salon.number, 'СТОП');
      await waitFor('the text', () => received.at(-1)?.text === 'СТОП', 10_000);
      expect(drops).toBeGreaterThan(0);
      expect(received).toHaveLength(earlier + 1);
      expect(
        fixture.whatsapp.log.filter((event) => event.type === 'receipt' && event.kind === 'retry'),
      ).toEqual([]);
    },
  );

  it('of the time before the device was linked is none', async () => {
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

  it('leaves the chat unread on the phone of the salon', async () => {
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

  it('of our own phone is none', async () => {
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

describe('a message that takes its time', () => {
  it('shows the client that somebody types, before it comes', async () => {
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
