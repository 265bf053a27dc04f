import { describe, expect, it } from 'vitest';
import type { ReceivedMessage } from '../../src/whatsapp/received-messages.ts';
import { SessionWorld } from '../harness/session-world.ts';
import { waitFor } from '../harness/wait-for.ts';

describe('a text from a client', () => {
  it.each(['pn', 'lid'] as const)(
    'addressed by %s is told with the phone of its sender',
    async (addressing) => {
      await using world = await SessionWorld.start();
      const host = await world.linkedHost();
      const received: ReceivedMessage[] = [];
      host.manager.on('received', (_companyId, message) => received.push(message));
      const id = await world.client.sendText(world.salon.number, 'СТОП', addressing);
      await waitFor('the text', () => received.length > 0);
      expect(received).toEqual([{ whatsappMessageId: id, phone: `+${world.client.number}`, text: 'СТОП' }]);
    },
  );

  it('leaves the chat unread on the phone of the salon', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const received: ReceivedMessage[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    const id = await world.client.sendText(world.salon.number, 'Здравствуйте');
    await waitFor('the text', () => received.length > 0);
    expect(world.whatsapp.log.filter((event) => event.type === 'receipt' && event.kind === 'read')).toEqual(
      [],
    );
    expect(received.map(({ whatsappMessageId }) => whatsappMessageId)).toEqual([id]);
  });

  it('of our own phone is none', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const received: ReceivedMessage[] = [];
    host.manager.on('received', (_companyId, message) => received.push(message));
    await world.salon.sendText(world.client.number, '1');
    await world.client.sendText(world.salon.number, 'ответ');
    await waitFor('the answer', () => received.length > 0);
    expect(received.map(({ text }) => text)).toEqual(['ответ']);
  });
});

describe('a message that takes its time', () => {
  it('shows the client that somebody types, before it comes', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const { messageId } = await host.manager.sendMessage(
      world.company,
      `+${world.client.number}`,
      'Ждём вас!',
      {
        typingMs: 50,
      },
    );
    await host.hears(messageId, 'delivered');
    const kinds = world.whatsapp.log.flatMap((event) =>
      event.type === 'typing'
        ? [event.state]
        : event.type === 'message' && event.id === messageId
          ? ['message']
          : [],
    );
    expect(kinds).toEqual(['composing', 'paused', 'message']);
  });
});
