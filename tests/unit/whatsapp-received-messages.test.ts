import { EventEmitter } from 'node:events';
import type { WAMessage, WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import type { ReceivedText } from '../../src/marketplace/ports.ts';
import { watchReceived } from '../../src/whatsapp/received-messages.ts';

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
    expect(await told(key)).toEqual(['of a person']);
  });
});

/** What is told of a message with this key, and of one from a person after it. */
async function told(key: Partial<WAMessage['key']>): Promise<string[]> {
  const ev = new EventEmitter();
  const texts: string[] = [];
  const person = Promise.withResolvers<undefined>();
  const sock = {
    ev,
    signalRepository: { lidMapping: { getPNForLID: async () => phone } },
  } as unknown as WASocket;
  watchReceived(sock, {
    report: ({ text }: ReceivedText) => {
      texts.push(text);
      if (text === 'of a person') person.resolve(undefined);
    },
    failed: person.reject,
  });
  const message = (id: string, text: string, from: Partial<WAMessage['key']>) => ({
    key: { id, ...from },
    message: { conversation: text },
    messageTimestamp: 1_700_000_000,
  });
  ev.emit('messages.upsert', {
    messages: [message('A', 'of another', key), message('B', 'of a person', { remoteJid: lid })],
  });
  await person.promise;
  return texts;
}
