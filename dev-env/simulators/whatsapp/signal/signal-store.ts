import {
  Curve,
  encodeWAMessage,
  generateRegistrationId,
  proto,
  signedKeyPair,
  unpadRandomMax16,
} from '@whiskeysockets/baileys';
import type { KeyPair } from '@whiskeysockets/baileys';
import type { KeyBundle } from './key-bundle.ts';
import { PrekeyStore } from './prekey-store.ts';
import { decrypt, encrypt, SessionRecord, startSession, withVersion } from './signal-library.ts';
import type { Ciphertext, SignalStorage } from './signal-library.ts';

const prekeyBatch = 40;

type OwnKeys = Readonly<{
  identity: KeyPair;
  signedPrekey: ReturnType<typeof signedKeyPair>;
  published: PrekeyStore;
}>;
type SignalKeyPair = Readonly<{ privKey: Buffer; pubKey: Buffer }>;

/** Signal state of a phone: identity, sessions and published keys. */
export class SignalStore implements SignalStorage {
  readonly #prekeys = new Map<number, SignalKeyPair>();
  readonly #sessions = new Map<string, ReturnType<SessionRecord['serialize']>>();
  #nextPrekeyId = 1;
  #keys = newKeys();

  constructor() {
    this.#publishPrekeys();
  }

  get identity(): KeyPair {
    return this.#keys.identity;
  }

  get published(): PrekeyStore {
    return this.#keys.published;
  }

  /** `address` is `number.device`; `bundle` is called only without a session. */
  async encrypt(address: string, message: proto.IMessage, bundle: () => KeyBundle): Promise<Ciphertext> {
    if (!this.#sessions.has(address)) await startSession(this, address, bundle());
    return encrypt(this, address, encodeWAMessage(message));
  }

  /** @throws if the ciphertext is not for this phone, was altered, or was decrypted before */
  async decrypt(address: string, ciphertext: Ciphertext): Promise<proto.IMessage> {
    const padded = await decrypt(this, address, ciphertext);
    return proto.Message.decode(unpadRandomMax16(padded));
  }

  /** Deletes the session with one device or with all. */
  deleteSessions(address?: string): void {
    if (address === undefined) this.#sessions.clear();
    else this.#sessions.delete(address);
  }

  /** Replaces the identity and deletes all sessions. */
  reset(): void {
    this.#keys = newKeys();
    this.#sessions.clear();
    this.#prekeys.clear();
    this.#publishPrekeys();
  }

  async loadSession(id: string): Promise<SessionRecord | undefined> {
    const stored = this.#sessions.get(id);
    return stored && SessionRecord.deserialize(stored);
  }

  async storeSession(id: string, session: SessionRecord): Promise<void> {
    this.#sessions.set(id, session.serialize());
  }

  isTrustedIdentity(): boolean {
    // The device identity signed by the account authenticates a companion; its key is not pinned on first use.
    return true;
  }

  async loadPreKey(id: number | string): Promise<{ privKey: Buffer; pubKey: Buffer } | undefined> {
    return this.#prekeys.get(Number(id));
  }

  removePreKey(id: number): void {
    this.#prekeys.delete(id);
  }

  loadSignedPreKey(): { privKey: Buffer; pubKey: Buffer } {
    return signalKeyPair(this.#keys.signedPrekey.keyPair);
  }

  getOurRegistrationId(): number {
    return this.published.registrationId;
  }

  getOurIdentity(): { privKey: Buffer; pubKey: Buffer } {
    return signalKeyPair(this.identity);
  }

  #publishPrekeys(): void {
    this.published.onLow = () => this.#publishPrekeys();
    for (let made = 0; made < prekeyBatch; made += 1) {
      const id = this.#nextPrekeyId++;
      const pair = Curve.generateKeyPair();
      this.#prekeys.set(id, signalKeyPair(pair));
      this.published.add([{ id, value: Buffer.from(pair.public) }]);
    }
  }
}

function signalKeyPair(pair: KeyPair): { privKey: Buffer; pubKey: Buffer } {
  return { privKey: Buffer.from(pair.private), pubKey: withVersion(pair.public) };
}

function newKeys(): OwnKeys {
  const identity = Curve.generateKeyPair();
  const signedPrekey = signedKeyPair(identity, 1);
  const published = new PrekeyStore(Buffer.from(identity.public), generateRegistrationId(), {
    id: signedPrekey.keyId,
    value: Buffer.from(signedPrekey.keyPair.public),
    signature: Buffer.from(signedPrekey.signature),
  });
  return { identity, signedPrekey, published };
}
