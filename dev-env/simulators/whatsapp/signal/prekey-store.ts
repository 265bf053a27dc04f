import type { KeyBundle, OneTimePrekey, SignedPrekey } from './key-bundle.ts';
import { verifySignature, withVersion } from './signal-library.ts';

export class InvalidKeyError extends Error {
  override readonly name = 'InvalidKeyError';
}

// Clients upload more when the server reports fewer than five.
const lowThreshold = 4;

/** Published keys of one device. Each one-time key is issued once. */
export class PrekeyStore {
  readonly identityKey: Buffer;
  readonly registrationId: number;
  /** Called when only a few one-time keys are left. */
  onLow: (count: number) => void = () => undefined;
  readonly #oneTime = new Map<number, Buffer>();
  readonly #issuedIds = new Set<number>();
  #signed: SignedPrekey;

  /** @throws InvalidKeyError if the identity did not sign the signed prekey */
  constructor(identityKey: Buffer, registrationId: number, signed: SignedPrekey) {
    this.identityKey = identityKey;
    this.registrationId = registrationId;
    this.#signed = this.#verified(signed);
  }

  /** How many one-time keys are left. */
  get count(): number {
    return this.#oneTime.size;
  }

  get signedPrekey(): SignedPrekey {
    return this.#signed;
  }

  /** @throws InvalidKeyError if the signature is wrong; the previous signed prekey stays */
  rotate(signed: SignedPrekey): void {
    this.#signed = this.#verified(signed);
  }

  /** Adds one-time keys; ids that were issued before are ignored. */
  add(keys: Iterable<OneTimePrekey>): void {
    for (const { id, value } of keys) {
      if (value.length !== 32) throw new InvalidKeyError(`One-time key ${id} is not 32 bytes long`);
      if (!this.#issuedIds.has(id)) this.#oneTime.set(id, value);
    }
  }

  takeBundle(): KeyBundle {
    const next = this.#oneTime.entries().next().value;
    if (next) {
      this.#oneTime.delete(next[0]);
      this.#issuedIds.add(next[0]);
      if (this.#oneTime.size === lowThreshold) this.onLow(lowThreshold);
    }
    return {
      registrationId: this.registrationId,
      identityKey: this.identityKey,
      signedPrekey: this.#signed,
      oneTimePrekey: next && { id: next[0], value: next[1] },
    };
  }

  #verified(signed: SignedPrekey): SignedPrekey {
    if (!verifySignature(this.identityKey, withVersion(signed.value), signed.signature)) {
      throw new InvalidKeyError(`Signed prekey ${signed.id} is not signed by the identity of its device`);
    }
    return signed;
  }
}
