import {
  Curve,
  hmacSign,
  proto,
  WA_ADV_ACCOUNT_SIG_PREFIX,
  WA_ADV_DEVICE_SIG_PREFIX,
} from '@whiskeysockets/baileys';
import type { KeyPair } from '@whiskeysockets/baileys';
import { verifySignature } from '../signal/signal-library.ts';

export type IssuedIdentity = Readonly<{
  /** The signed ADVDeviceIdentity; it does not change. */
  details: Buffer;
  /** What pair-success carries: the signed identity under an HMAC with the secret from the QR code. */
  sealed: Uint8Array;
}>;

/** Signs a companion's identity key with the account's key. */
export function issueDeviceIdentity(
  accountKey: KeyPair,
  companionIdentity: Buffer,
  advSecret: Buffer,
  keyIndex: number,
  nowMs: number,
): IssuedIdentity {
  const details = Buffer.from(
    proto.ADVDeviceIdentity.encode({
      rawId: companionIdentity.readUInt32BE(0),
      timestamp: Math.floor(nowMs / 1000),
      keyIndex,
      accountType: proto.ADVEncryptionType.E2EE,
      deviceType: proto.ADVEncryptionType.E2EE,
    }).finish(),
  );
  const message = Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, companionIdentity]);
  const signed = proto.ADVSignedDeviceIdentity.encode({
    details,
    accountSignatureKey: accountKey.public,
    accountSignature: Curve.sign(accountKey.private, message),
  }).finish();
  const sealed = proto.ADVSignedDeviceIdentityHMAC.encode({
    details: signed,
    hmac: hmacSign(signed, advSecret),
    accountType: proto.ADVEncryptionType.E2EE,
  }).finish();
  return { details, sealed };
}

/** True when the phone has signed this identity and the companion has countersigned it. */
export function isValidDeviceIdentity(
  encoded: Uint8Array,
  details: Buffer,
  companionIdentity: Buffer,
  accountIdentity: Uint8Array,
): boolean {
  const identity = proto.ADVSignedDeviceIdentity.decode(encoded);
  if (!identity.details || !identity.accountSignature || !identity.deviceSignature) return false;
  if (!details.equals(identity.details)) return false;
  const accountMessage = Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, companionIdentity]);
  const deviceMessage = Buffer.concat([
    WA_ADV_DEVICE_SIG_PREFIX,
    details,
    companionIdentity,
    accountIdentity,
  ]);
  return (
    verifySignature(accountIdentity, accountMessage, identity.accountSignature) &&
    verifySignature(companionIdentity, deviceMessage, identity.deviceSignature)
  );
}
