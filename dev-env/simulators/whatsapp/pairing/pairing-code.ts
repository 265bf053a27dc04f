import { createCipheriv, createDecipheriv, hkdfSync, pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { aesDecryptGCM, Curve } from '@whiskeysockets/baileys';
import type { KeyPair } from '@whiskeysockets/baileys';
import { PairingError } from './qr-code.ts';

const saltLength = 32;
const counterIvLength = 16;
const gcmIvLength = 12;
const codeIterations = 131_072;

const deriveFromCode = promisify(pbkdf2);

/** The phone's side of the key agreement; both sides encrypt their ephemeral keys with the typed code. */
export type CodeAgreement = Readonly<{
  /** The phone's ephemeral key, encrypted with the code, for the companion. */
  wrappedEphemeral: Buffer;
  /** Decrypts the companion's key bundle. @returns the ADV secret. @throws PairingError if it used another code */
  finish: (wrappedKeyBundle: Buffer, companionIdentity: Buffer) => Buffer;
}>;

/** `wrappedCompanionEphemeral` is salt, IV and ciphertext, as the companion published it. */
export async function createCodeAgreement(
  code: string,
  wrappedCompanionEphemeral: Buffer,
  accountKey: KeyPair,
): Promise<CodeAgreement> {
  const companionEphemeral = await unwrap(code, wrappedCompanionEphemeral);
  const ephemeral = Curve.generateKeyPair();
  const wrappedEphemeral = await wrap(code, Buffer.from(ephemeral.public));
  return {
    wrappedEphemeral,
    finish: (wrappedKeyBundle, companionIdentity) => {
      const shared = Curve.sharedKey(ephemeral.private, companionEphemeral);
      const random = openKeyBundle(wrappedKeyBundle, shared, companionIdentity, accountKey);
      const identityShared = Curve.sharedKey(accountKey.private, companionIdentity);
      return derive(Buffer.concat([shared, identityShared, random]), Buffer.alloc(0), 'adv_secret');
    },
  };
}

/** The bundle repeats both identities, which binds them to the code, and adds 32 random bytes. */
function openKeyBundle(
  wrapped: Buffer,
  shared: Buffer,
  companionIdentity: Buffer,
  accountKey: KeyPair,
): Buffer {
  const salt = wrapped.subarray(0, saltLength);
  const iv = wrapped.subarray(saltLength, saltLength + gcmIvLength);
  const key = derive(shared, salt, 'link_code_pairing_key_bundle_encryption_key');
  let bundle: Buffer;
  try {
    bundle = aesDecryptGCM(wrapped.subarray(saltLength + gcmIvLength), key, iv, Buffer.alloc(0));
  } catch (cause) {
    throw new PairingError('The code is wrong', { cause });
  }
  if (
    !bundle.subarray(0, 32).equals(companionIdentity) ||
    !bundle.subarray(32, 64).equals(accountKey.public)
  ) {
    throw new PairingError('The device answered with other identities');
  }
  return bundle.subarray(64);
}

async function unwrap(code: string, wrapped: Buffer): Promise<Buffer> {
  const key = await deriveFromCode(code, wrapped.subarray(0, saltLength), codeIterations, 32, 'sha256');
  const iv = wrapped.subarray(saltLength, saltLength + counterIvLength);
  const decipher = createDecipheriv('aes-256-ctr', key, iv);
  return Buffer.concat([decipher.update(wrapped.subarray(saltLength + counterIvLength)), decipher.final()]);
}

async function wrap(code: string, plaintext: Buffer): Promise<Buffer> {
  const salt = randomBytes(saltLength);
  const iv = randomBytes(counterIvLength);
  const cipher = createCipheriv(
    'aes-256-ctr',
    await deriveFromCode(code, salt, codeIterations, 32, 'sha256'),
    iv,
  );
  return Buffer.concat([salt, iv, cipher.update(plaintext), cipher.final()]);
}

function derive(input: Buffer, salt: Buffer, info: string): Buffer {
  return Buffer.from(hkdfSync('sha256', input, salt, info, 32));
}
