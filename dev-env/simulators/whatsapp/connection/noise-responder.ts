import { hkdfSync } from 'node:crypto';
import { aesDecryptGCM, aesEncryptGCM, Curve, NOISE_MODE, proto, sha256 } from '@whiskeysockets/baileys';
import type { KeyPair } from '@whiskeysockets/baileys';
import { prologue } from './frame-codec.ts';

/** The server's static key and its certificate chain. */
export type NoiseIdentity = Readonly<{ staticKey: KeyPair; certificateChain: Uint8Array }>;

export type FinishedHandshake = Readonly<{
  /** The client's static noise key. */
  clientKey: Buffer;
  payload: proto.ClientPayload;
  transport: TransportCipher;
}>;

const certificateLifetimeSeconds = 365 * 24 * 3600;

/** Makes a root, an intermediate and a leaf, each correctly signed by the one above. */
export function createNoiseIdentity(nowMs: number): NoiseIdentity {
  const root = Curve.generateKeyPair();
  const intermediate = Curve.generateKeyPair();
  const staticKey = Curve.generateKeyPair();
  const notBefore = Math.floor(nowMs / 1000) - 3600;
  const certificate = (serial: number, issuerSerial: number, key: Uint8Array, issuer: KeyPair) => {
    const details = proto.CertChain.NoiseCertificate.Details.encode({
      serial,
      issuerSerial,
      key,
      notBefore,
      notAfter: notBefore + certificateLifetimeSeconds,
    }).finish();
    return { details, signature: Curve.sign(issuer.private, details) };
  };
  const chain = proto.CertChain.encode({
    intermediate: certificate(1, 0, intermediate.public, root),
    leaf: certificate(2, 1, staticKey.public, intermediate),
  }).finish();
  return { staticKey, certificateChain: chain };
}

/** The server's side of `Noise_XX_25519_AESGCM_SHA256`. */
export class NoiseResponder {
  readonly #identity: NoiseIdentity;
  readonly #ephemeral = Curve.generateKeyPair();
  #hash = Buffer.from(NOISE_MODE);
  #chainingKey = this.#hash;
  #key = this.#hash;
  #counter = 0;

  constructor(identity: NoiseIdentity) {
    this.#identity = identity;
  }

  /** Takes the client hello, gives the server hello. */
  handleClientHello(message: Buffer): Uint8Array {
    const clientEphemeral = proto.HandshakeMessage.decode(message).clientHello?.ephemeral;
    if (clientEphemeral?.length !== 32) throw new Error('The client hello has no ephemeral key');
    this.#mixHash(Buffer.from(prologue));
    this.#mixHash(clientEphemeral);
    this.#mixHash(this.#ephemeral.public);
    this.#mixKey(Curve.sharedKey(this.#ephemeral.private, clientEphemeral));
    const encryptedStatic = this.#encrypt(this.#identity.staticKey.public);
    this.#mixKey(Curve.sharedKey(this.#identity.staticKey.private, clientEphemeral));
    const payload = this.#encrypt(this.#identity.certificateChain);
    const serverHello = { ephemeral: this.#ephemeral.public, static: encryptedStatic, payload };
    return proto.HandshakeMessage.encode({ serverHello }).finish();
  }

  /** Takes the client finish; throws when it was not encrypted for this handshake. */
  handleClientFinish(message: Buffer): FinishedHandshake {
    const { clientFinish } = proto.HandshakeMessage.decode(message);
    if (!clientFinish?.static || !clientFinish.payload) throw new Error('The client finish is incomplete');
    const clientKey = this.#decrypt(clientFinish.static);
    this.#mixKey(Curve.sharedKey(this.#ephemeral.private, clientKey));
    const payload = proto.ClientPayload.decode(this.#decrypt(clientFinish.payload));
    const [readKey, writeKey] = this.#derive(Buffer.alloc(0));
    return { clientKey, payload, transport: new TransportCipher(readKey, writeKey) };
  }

  #mixHash(data: Uint8Array): void {
    this.#hash = Buffer.from(sha256(Buffer.concat([this.#hash, data])));
  }

  #mixKey(input: Buffer): void {
    [this.#chainingKey, this.#key] = this.#derive(input);
    this.#counter = 0;
  }

  #derive(input: Buffer): [Buffer<ArrayBuffer>, Buffer<ArrayBuffer>] {
    const material = Buffer.from(hkdfSync('sha256', input, this.#chainingKey, '', 64));
    return [material.subarray(0, 32), material.subarray(32)];
  }

  #encrypt(plaintext: Uint8Array): Buffer {
    const ciphertext = aesEncryptGCM(plaintext, this.#key, counterIv(this.#counter++), this.#hash);
    this.#mixHash(ciphertext);
    return ciphertext;
  }

  #decrypt(ciphertext: Uint8Array): Buffer {
    const plaintext = aesDecryptGCM(ciphertext, this.#key, counterIv(this.#counter++), this.#hash);
    this.#mixHash(ciphertext);
    return plaintext;
  }
}

/** Encrypts and decrypts frames after the handshake, counting each direction on its own. */
export class TransportCipher {
  readonly #readKey: Buffer;
  readonly #writeKey: Buffer;
  #readCounter = 0;
  #writeCounter = 0;

  constructor(readKey: Buffer, writeKey: Buffer) {
    this.#readKey = readKey;
    this.#writeKey = writeKey;
  }

  encrypt(plaintext: Uint8Array): Buffer {
    return aesEncryptGCM(plaintext, this.#writeKey, counterIv(this.#writeCounter++), Buffer.alloc(0));
  }

  decrypt(ciphertext: Uint8Array): Buffer {
    return aesDecryptGCM(ciphertext, this.#readKey, counterIv(this.#readCounter++), Buffer.alloc(0));
  }
}

function counterIv(counter: number): Buffer {
  const iv = Buffer.alloc(12);
  iv.writeUInt32BE(counter, 8);
  return iv;
}
