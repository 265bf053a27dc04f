import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A 32-byte key and the id that is stored with each ciphertext. */
export type EncryptionKey = Readonly<{ id: string; key: Uint8Array }>;

/** The value was altered, belongs to another context, or its key is missing. */
export class UnreadableSecretError extends Error {
  override readonly name = 'UnreadableSecretError';
}

const formatVersion = 1;
const ivBytes = 12;
const tagBytes = 16;

/**
 * AES-256-GCM with several keys: the first encrypts, all decrypt. The context (owner and kind of the value) is
 * authenticated as associated data.
 *
 * Layout: version (1 byte), length of the key id (1 byte), key id, IV (12), tag (16), ciphertext.
 */
export class Keyring {
  /** Common prefix of all values under the current key: format version and key id. */
  readonly currentKeyPrefix: Uint8Array;
  readonly #current: EncryptionKey;
  readonly #keys: ReadonlyMap<string, Uint8Array>;

  constructor(keys: readonly EncryptionKey[]) {
    const [current] = keys;
    if (current === undefined) throw new RangeError('Keyring requires at least one key');
    this.#current = current;
    const keyId = Buffer.from(current.id);
    this.currentKeyPrefix = Buffer.concat([Buffer.from([formatVersion, keyId.length]), keyId]);
    this.#keys = new Map(keys.map(({ id, key }) => [id, key]));
  }

  /** Encrypts under the current key. */
  seal(context: string, plaintext: Uint8Array | string): Buffer {
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#current.key, iv);
    cipher.setAAD(associatedData(context, this.#current.id));
    const ciphertext = Buffer.concat([cipher.update(Buffer.from(plaintext)), cipher.final()]);
    return Buffer.concat([this.currentKeyPrefix, iv, cipher.getAuthTag(), ciphertext]);
  }

  /** Decrypts and authenticates. @throws UnreadableSecretError */
  open(context: string, sealed: Uint8Array): Buffer {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const ivStart = 2 + (bytes[1] ?? 0);
    if (bytes[0] !== formatVersion || bytes.length < ivStart + ivBytes + tagBytes) {
      throw new UnreadableSecretError('Encrypted value malformed');
    }
    const keyId = bytes.toString('utf8', 2, ivStart);
    const key = this.#keys.get(keyId);
    if (key === undefined) throw new UnreadableSecretError(`Unknown encryption key ${JSON.stringify(keyId)}`);
    const tagStart = ivStart + ivBytes;
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(ivStart, tagStart));
    decipher.setAAD(associatedData(context, keyId));
    decipher.setAuthTag(bytes.subarray(tagStart, tagStart + tagBytes));
    try {
      return Buffer.concat([decipher.update(bytes.subarray(tagStart + tagBytes)), decipher.final()]);
    } catch (cause) {
      throw new UnreadableSecretError('Decryption failed: authentication tag mismatch', { cause });
    }
  }
}

function associatedData(context: string, keyId: string): Buffer {
  return Buffer.from(JSON.stringify([context, keyId]));
}
