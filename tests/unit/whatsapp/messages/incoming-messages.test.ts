import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { WAMessage, WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { watchIncomingMessages } from '../../../../src/whatsapp/messages/incoming-messages.ts';
import type { ReceivedText } from '../../../../src/ports/received-messages.ts';

const phone = '79004445566@s.whatsapp.net';
const lid = '123456789012345@lid';

describe('a message that reaches the device', () => {
  it.each<[string, Partial<WAMessage['key']>]>([
    ['a group', { remoteJid: '120363000000000000@g.us', participant: lid, participantAlt: phone }],
    ['a status', { remoteJid: 'status@broadcast', participant: lid, remoteJidAlt: phone }],
    ['a broadcast list', { remoteJid: '1700000000@broadcast', participant: phone, remoteJidAlt: phone }],
    ['a channel', { remoteJid: '120363111111111111@newsletter' }],
    ['our own devices', { remoteJid: phone, fromMe: true }],
  ])('of %s is none of our business', async (_what, key) => {
    expect(await receivedTexts(key)).toEqual(['of a person']);
  });

  it('is not overtaken by what the same person wrote later', async () => {
    const texts = ['СТОП', 'СТАРТ', 'Спасибо'];
    expect(await receivedEvents(texts.map((text) => [text, { remoteJid: lid }] as const))).toEqual(texts);
  });
});

/** What is told of a message with this key, and of one from a person after it. */
async function receivedTexts(key: Partial<WAMessage['key']>): Promise<string[]> {
  return await receivedEvents([
    ['of another', key],
    ['of a person', { remoteJid: lid }],
  ]);
}

/** The first look for a phone takes its time. */
async function receivedEvents(
  messages: readonly (readonly [string, Partial<WAMessage['key']>])[],
): Promise<string[]> {
  const ev = new EventEmitter();
  const texts: string[] = [];
  const last = Promise.withResolvers<undefined>();
  let looks = 0;
  const getPNForLID = async (): Promise<string> => {
    looks += 1;
    if (looks === 1) await delay(20);
    return phone;
  };
  const sock = { ev, signalRepository: { lidMapping: { getPNForLID } } } as unknown as WASocket;
  watchIncomingMessages(sock, {
    report: ({ text }: ReceivedText) => {
      texts.push(text);
      if (text === messages.at(-1)?.[0]) last.resolve(undefined);
    },
    onError: last.reject,
  });
  for (const [text, key] of messages) {
    const message = { key: { id: text, ...key }, message: { conversation: text }, messageTimestamp: 1 };
    ev.emit('messages.upsert', { messages: [message] });
  }
  await last.promise;
  await delay(30);
  return texts;
}
