import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import {
  createDecryptedMessageCache,
  cacheDecryptedMessages,
} from '../../../../src/whatsapp/baileys-patches/decrypted-message-cache.ts';

const anna = '79165550001@s.whatsapp.net';
const annaLid = '104065625028779@lid';
const boris = '79165550002@s.whatsapp.net';
const ciphertext = Buffer.from('sealed');

/** A socket that records the senders of the messages it decrypts. */
function createSocket(plaintext = Buffer.from('СТОП')) {
  const decrypted: string[] = [];
  const signalRepository = {
    decryptMessage: async ({ jid }: { jid: string }) => {
      decrypted.push(jid);
      return plaintext;
    },
    lidMapping: { getPNForLID: async (jid: string) => (jid === annaLid ? anna : null) },
  } as unknown as WASocket['signalRepository'];
  return { signalRepository, decrypted };
}

describe('a ciphertext that is delivered twice', () => {
  const sharedCache = createDecryptedMessageCache();
  const companyId = companyIdFrom(1);
  const decrypt = (socket: ReturnType<typeof createSocket>, jid: string) =>
    socket.signalRepository.decryptMessage({ jid, type: 'pkmsg', ciphertext });

  it('is served from the cache on the next socket, also when its sender uses the LID', async () => {
    const [first, second] = [createSocket(), createSocket()];
    for (const socket of [first, second]) cacheDecryptedMessages(socket, companyId, sharedCache);
    await decrypt(first, anna);
    expect(Buffer.from(await decrypt(second, anna)).toString()).toBe('СТОП');
    expect(Buffer.from(await decrypt(second, annaLid)).toString()).toBe('СТОП');
    expect([first.decrypted, second.decrypted]).toEqual([[anna], []]);
  });

  it('is decrypted again for another sender and for another company', async () => {
    const [socket, otherCompany] = [createSocket(), createSocket()];
    cacheDecryptedMessages(socket, companyId, sharedCache);
    cacheDecryptedMessages(otherCompany, companyIdFrom(2), sharedCache);
    await decrypt(socket, boris);
    await decrypt(otherCompany, anna);
    expect([socket.decrypted, otherCompany.decrypted]).toEqual([[boris], [anna]]);
  });

  it('expires after the TTL and holds no reference to a larger buffer', async () => {
    const cache = createDecryptedMessageCache(50);
    const socket = createSocket();
    cacheDecryptedMessages(socket, companyId, cache);
    await decrypt(socket, anna);
    const [entry] = [...cache.values()];
    expect(entry?.plaintext.buffer.byteLength).toBe(entry?.plaintext.length);
    expect(cache.calculatedSize).toBeGreaterThan(500);
    await expect.poll(() => cache.size).toBe(0);
  });

  it('is not cached when it is too large to be a text', async () => {
    const cache = createDecryptedMessageCache();
    const socket = createSocket(Buffer.alloc(70_000));
    cacheDecryptedMessages(socket, companyId, cache);
    await decrypt(socket, anna);
    expect(cache.size).toBe(0);
  });
});
