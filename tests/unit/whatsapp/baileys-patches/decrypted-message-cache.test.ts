import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import {
  createDecryptedMessageCache,
  cacheDecryptedMessages,
} from '../../../../src/whatsapp/baileys-patches/decrypted-message-cache.ts';

const anna = '79165550001@s.whatsapp.net';
const annaHidden = '104065625028779@lid';
const boris = '79165550002@s.whatsapp.net';
const ciphertext = Buffer.from('sealed');

/** A socket whose library can decrypt each message once. */
function socket(plaintext = Buffer.from('СТОП')) {
  const decrypted: string[] = [];
  const signalRepository = {
    decryptMessage: async ({ jid }: { jid: string }) => {
      decrypted.push(jid);
      return plaintext;
    },
    lidMapping: { getPNForLID: async (jid: string) => (jid === annaHidden ? anna : null) },
  } as unknown as WASocket['signalRepository'];
  return { signalRepository, decrypted };
}

describe('a ciphertext that comes again', () => {
  const memory = createDecryptedMessageCache();
  const one = companyIdFrom(1);
  const decrypt = (sock: ReturnType<typeof socket>, jid: string) =>
    sock.signalRepository.decryptMessage({ jid, type: 'pkmsg', ciphertext });

  it('is answered from memory on the next socket, also when the sender is named otherwise', async () => {
    const [before, after] = [socket(), socket()];
    for (const sock of [before, after]) cacheDecryptedMessages(sock, one, memory);
    await decrypt(before, anna);
    expect(Buffer.from(await decrypt(after, anna)).toString()).toBe('СТОП');
    expect(Buffer.from(await decrypt(after, annaHidden)).toString()).toBe('СТОП');
    expect([before.decrypted, after.decrypted]).toEqual([[anna], []]);
  });

  it('is decrypted anew for another sender and for another company', async () => {
    const [sock, others] = [socket(), socket()];
    cacheDecryptedMessages(sock, one, memory);
    cacheDecryptedMessages(others, companyIdFrom(2), memory);
    await decrypt(sock, boris);
    await decrypt(others, anna);
    expect([sock.decrypted, others.decrypted]).toEqual([[boris], [anna]]);
  });

  it('is forgotten by itself after its time, and what is kept keeps nothing beside it alive', async () => {
    const kept = createDecryptedMessageCache(50);
    const sock = socket();
    cacheDecryptedMessages(sock, one, kept);
    await decrypt(sock, anna);
    const [entry] = [...kept.values()];
    expect(entry?.plaintext.buffer.byteLength).toBe(entry?.plaintext.length);
    expect(kept.calculatedSize).toBeGreaterThan(500);
    await expect.poll(() => kept.size).toBe(0);
  });

  it('is not kept when it is no text of a person', async () => {
    const kept = createDecryptedMessageCache();
    const sock = socket(Buffer.alloc(70_000));
    cacheDecryptedMessages(sock, one, kept);
    await decrypt(sock, anna);
    expect(kept.size).toBe(0);
  });
});
