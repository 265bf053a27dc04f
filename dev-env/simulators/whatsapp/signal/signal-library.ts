import { generateSignalPubKey } from '@whiskeysockets/baileys';
import { ProtocolAddress, SessionBuilder, SessionCipher, SessionRecord } from 'libsignal';
import type { SignalStorage } from 'libsignal';
import * as curve from 'libsignal/src/curve.js';
import type { KeyBundle } from './key-bundle.ts';

export { SessionRecord };
export type { SignalStorage };

/** Values of `<enc type>`: with and without a session setup. */
export type CiphertextType = 'pkmsg' | 'msg';

export type Ciphertext = Readonly<{ type: CiphertextType; body: Buffer }>;

const setupMessageType = 3;

type SessionEntry = { serialize(): unknown; pendingPreKey?: unknown };
type DecryptWhisperMessage = (this: SessionCipher, message: Buffer, session: SessionEntry) => Promise<Buffer>;

/** Trial decryption on a copy of each session, as in WhatsApp's library: a failed trial leaves the session unchanged. */
class PhoneCipher extends SessionCipher {
  async doDecryptWhisperMessage(message: Buffer, session: SessionEntry): Promise<Buffer> {
    const entries = session.constructor as unknown as { deserialize(data: unknown): SessionEntry };
    const copy = entries.deserialize(session.serialize());
    const decryptWhisperMessage = Reflect.get(
      SessionCipher.prototype,
      'doDecryptWhisperMessage',
    ) as DecryptWhisperMessage;
    const plaintext = await decryptWhisperMessage.call(this, message, copy);
    delete session.pendingPreKey;
    Object.assign(session, copy);
    return plaintext;
  }
}

/** Verifies a signature. `Curve.verify` of Baileys accepts any well-formed one. */
export function verifySignature(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  return curve.verifySignature(Buffer.from(generateSignalPubKey(publicKey)), message, signature);
}

/** Starts a session from a published key bundle, as the first message to a device does. */
export async function startSession(
  storage: SignalStorage,
  address: string,
  bundle: KeyBundle,
): Promise<void> {
  const prekey = bundle.oneTimePrekey;
  const device = {
    registrationId: bundle.registrationId,
    identityKey: withVersion(bundle.identityKey),
    signedPreKey: {
      keyId: bundle.signedPrekey.id,
      publicKey: withVersion(bundle.signedPrekey.value),
      signature: bundle.signedPrekey.signature,
    },
    ...(prekey && { preKey: { keyId: prekey.id, publicKey: withVersion(prekey.value) } }),
  };
  // The declared type requires a one-time key; the library itself works without one when none is left.
  await new SessionBuilder(storage, protocolAddress(address)).initOutgoing(
    device as Parameters<SessionBuilder['initOutgoing']>[0],
  );
}

export async function encrypt(
  storage: SignalStorage,
  address: string,
  plaintext: Buffer,
): Promise<Ciphertext> {
  const cipher = new SessionCipher(storage, protocolAddress(address));
  const encrypted: Readonly<{ type: number; body: unknown }> = await cipher.encrypt(plaintext);
  // Declared as a string, but a Buffer since version 6.
  const body = Buffer.isBuffer(encrypted.body)
    ? encrypted.body
    : Buffer.from(String(encrypted.body), 'binary');
  return { type: encrypted.type === setupMessageType ? 'pkmsg' : 'msg', body };
}

export async function decrypt(
  storage: SignalStorage,
  address: string,
  ciphertext: Ciphertext,
): Promise<Buffer> {
  const cipher = new PhoneCipher(storage, protocolAddress(address));
  return ciphertext.type === 'pkmsg'
    ? cipher.decryptPreKeyWhisperMessage(ciphertext.body)
    : cipher.decryptWhisperMessage(ciphertext.body);
}

/** `address` is `user.device`. */
function protocolAddress(address: string): ProtocolAddress {
  const [user = '', device = '0'] = address.split('.');
  return new ProtocolAddress(user, Number(device));
}

export function withVersion(publicKey: Uint8Array): Buffer {
  return Buffer.from(generateSignalPubKey(publicKey));
}
