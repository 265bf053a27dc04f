import { createHash } from 'node:crypto';
import { areJidsSameUser, isLidUser, type WASocket } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../../domain/ids.ts';

type DecryptedMessage = Readonly<{ jid: string; plaintext: Uint8Array }>;

/** What was decrypted lately, by company and ciphertext. */
export type DecryptedMessageCache = LRUCache<string, DecryptedMessage>;

const hourMs = 60 * 60_000;
const maxCacheBytes = 4 * 1_024 * 1_024;
/** More is no text of a person. */
const maxEntryBytes = 64 * 1_024;
/** About what an entry takes beside its bytes. */
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

/**
 * A message can be decrypted once: its key is gone then. When the line breaks before Baileys has confirmed it, WhatsApp delivers
 * the same ciphertext again, Baileys finds its key used, and, where it opened a session, has it dropped. Here the second
 * delivery from the same person is answered from memory for an hour, on whichever socket of the company it comes.
 */
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
    const digest = createHash('sha256').update(message.ciphertext).digest('base64url');
    const key = `${companyId}:${digest}`;
    const cached = cache.get(key);
    // Somebody may come by number first and then by the hidden identity that was learned with it.
    if (cached !== undefined && areJidsSameUser(await toPhoneJid(cached.jid), await toPhoneJid(message.jid)))
      return cached.plaintext;
    const plaintext = await decrypt(message);
    // A copy: what libsignal gives is a piece of a pool of Node's, which would be kept whole.
    cache.set(key, { jid: message.jid, plaintext: Uint8Array.from(plaintext) });
    return plaintext;
  };
}
