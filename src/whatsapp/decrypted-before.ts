import { createHash } from 'node:crypto';
import type { WASocket } from '@whiskeysockets/baileys';
import { LRUCache } from 'lru-cache';
import type { CompanyId } from '../domain/ids.ts';

/** What was decrypted lately, by company and ciphertext. */
export type DecryptedBefore = LRUCache<string, Uint8Array>;

const keptForMs = 10 * 60_000;
const keptBytes = 4 * 1_024 * 1_024;
/** More is no text of a person. */
const longestBytes = 64 * 1_024;

export function decryptedBefore(): DecryptedBefore {
  return new LRUCache({
    maxSize: keptBytes,
    maxEntrySize: longestBytes,
    sizeCalculation: (plaintext) => plaintext.length + 1,
    ttl: keptForMs,
  });
}

/**
 * A message can be decrypted once: its key is gone then. When the line breaks before Baileys has confirmed it, WhatsApp delivers
 * the same ciphertext again, Baileys finds its key used, and, where it opened a session, has it dropped. Here the second
 * delivery is answered from memory, on whichever socket of the company it comes.
 */
export function rememberDecrypted(
  { signalRepository }: Pick<WASocket, 'signalRepository'>,
  companyId: CompanyId,
  memory: DecryptedBefore,
): void {
  const decrypt = signalRepository.decryptMessage.bind(signalRepository);
  signalRepository.decryptMessage = async (message) => {
    const digest = createHash('sha256').update(message.ciphertext).digest('base64url');
    const key = `${companyId}:${digest}`;
    const before = memory.get(key);
    if (before !== undefined) return before;
    const plaintext = await decrypt(message);
    memory.set(key, plaintext);
    return plaintext;
  };
}
