import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { WAMessage, WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import type { ReceivedText } from '../../../../src/ports/received-messages.ts';
import { watchIncomingMessages } from '../../../../src/whatsapp/messages/incoming-messages.ts';

const phone = '79004445566@s.whatsapp.net';
const lid = '123456789012345@lid';

describe('watchIncomingMessages', () => {
  it.each<[string, Partial<WAMessage['key']>]>([
    ['a group', { remoteJid: '120363000000000000@g.us', participant: lid, participantAlt: phone }],
    ['a status', { remoteJid: 'status@broadcast', participant: lid, remoteJidAlt: phone }],
    ['a broadcast list', { remoteJid: '1700000000@broadcast', participant: phone, remoteJidAlt: phone }],
    ['a channel', { remoteJid: '120363111111111111@newsletter' }],
    ['our own devices', { remoteJid: phone, fromMe: true }],
  ])('ignores a message of %s', async (_what, key) => {
    const texts = await reportedTexts([
      ['ignored', key],
      ['from a client', { remoteJid: lid }],
    ]);
    expect(texts).toEqual(['from a client']);
  });

  it('reports the texts of one sender in order', async () => {
    const texts = ['СТОП', 'СТАРТ', 'Спасибо'];
    expect(await reportedTexts(texts.map((text) => [text, { remoteJid: lid }] as const))).toEqual(texts);
  });
});

/** Emits the messages and returns the reported texts. The first LID lookup is slow. */
async function reportedTexts(
  messages: readonly (readonly [string, Partial<WAMessage['key']>])[],
): Promise<string[]> {
  const ev = new EventEmitter();
  const texts: string[] = [];
  const last = Promise.withResolvers<undefined>();
  let lookups = 0;
  const getPNForLID = async (): Promise<string> => {
    lookups += 1;
    if (lookups === 1) await delay(20);
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
