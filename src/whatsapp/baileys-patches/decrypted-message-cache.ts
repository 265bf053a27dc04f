/*
 * Upstream bug: WhatsApp redelivers a message whose receipt was lost with the connection. Its key is deleted at the first
 * decryption, so Baileys 7.0.0-rc14 cannot decrypt it again and rejects it: https://github.com/WhiskeySockets/Baileys/pull/2372
 * The patch keeps plaintexts in memory for an hour and returns them when the same sender's ciphertext arrives again.
 * Remove when Baileys accepts redelivered ciphertexts.
 */

import { createHash } from 'node:crypto';
import { areJidsSameUser, isLidUser, type WASocket } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../../domain/ids.ts';

type DecryptedMessage = Readonly<{ jid: string; plaintext: Uint8Array }>;

/** Recently decrypted messages, keyed by company and hash of the ciphertext. */
export type DecryptedMessageCache = LRUCache<string, DecryptedMessage>;

const hourMs = 60 * 60_000;
const maxCacheBytes = 4 * 1_024 * 1_024;
/** Text messages are smaller; media and history blobs are not worth the memory. */
const maxEntryBytes = 64 * 1_024;
/** Estimated memory per entry in addition to the plaintext. */
const entryOverheadBytes = 512;

export function createDecryptedMessageCache(ttlMs = hourMs): DecryptedMessageCache {
  return new LRUCache({
    maxSize: maxCacheBytes,
    maxEntrySize: maxEntryBytes,
    sizeCalculation: ({ plaintext }) => plaintext.length + entryOverheadBytes,
    ttl: ttlMs,
    ttlAutopurge: true,
  });
}

/** The cache is shared by all sockets of the process, because the second delivery usually arrives on a new socket. */
export function cacheDecryptedMessages(
  { signalRepository }: Pick<WASocket, 'signalRepository'>,
  companyId: CompanyId,
  cache: DecryptedMessageCache,
): void {
  const { lidMapping } = signalRepository;
  const toPhoneJid = async (jid: string): Promise<string> =>
    (isLidUser(jid) === true ? await lidMapping.getPNForLID(jid) : undefined) ?? jid;
  const decrypt = signalRepository.decryptMessage.bind(signalRepository);
  signalRepository.decryptMessage = async (message) => {
    const ciphertextHash = createHash('sha256').update(message.ciphertext).digest('base64url');
    const key = `${companyId}:${ciphertextHash}`;
    const cached = cache.get(key);
    // The same sender can be addressed by phone number first and by LID the second time.
    if (cached !== undefined && areJidsSameUser(await toPhoneJid(cached.jid), await toPhoneJid(message.jid)))
      return cached.plaintext;
    const plaintext = await decrypt(message);
    // A copy, because the plaintext is a slice of Node's Buffer pool and would keep the whole pool alive.
    cache.set(key, { jid: message.jid, plaintext: Uint8Array.from(plaintext) });
    return plaintext;
  };
}
