import { createHmac, randomBytes } from 'node:crypto';
import { credentialContext } from '../../crypto/encryption-context.ts';
import type { Keyring } from '../../crypto/keyring.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { CredentialChange, CredentialRepository } from '../../ports/credentials.ts';
import type { Lease } from '../../ports/sessions.ts';

/** A credential in the clear; `value: null` deletes it. */
export type PlaintextChange = Readonly<{ type: string; id: string; value: string | null }>;

/** More than one write during a login. */
export const probeBytes = 64 * 1024;

/** Time to investigate why WhatsApp ended a link. */
const quarantineRetentionMs = 7 * 24 * 60 * 60_000;

const hmacKeyRow = { type: 'name-key', id: 'name-key' } as const;
const hmacKeyBytes = 32;

/** WhatsApp credentials of all companies. Encrypts their values and hashes their ids. */
export class CredentialStore {
  readonly #repository: CredentialRepository;
  readonly #keyring: Keyring;

  constructor(repository: CredentialRepository, keyring: Keyring) {
    this.#repository = repository;
    this.#keyring = keyring;
  }

  async companies(): Promise<readonly CompanyId[]> {
    return this.#repository.companies();
  }

  /**
   * Fences off earlier holders of the lease, and fails on a full or read-only store before WhatsApp sees a login.
   * @throws UnreadableSecretError when the encryption key of the company's values is missing; LeaseLostError
   */
  async open(lease: Lease): Promise<CompanyCredentials> {
    await this.#repository.write(lease, []);
    await this.#repository.probe(lease, probeBytes);
    const { type, id } = hmacKeyRow;
    const sealed = (await this.#repository.read(lease.companyId, type, [id])).get(id);
    const hmacKey = sealed && this.#keyring.open(credentialContext(lease.companyId, type, id), sealed);
    return new CompanyCredentials(this.#repository, this.#keyring, lease, hmacKey);
  }

  /** @throws LeaseLostError */
  async erase(lease: Lease): Promise<void> {
    await this.#repository.erase(lease);
  }

  /** Keeps credentials that WhatsApp has rejected for a week, then erases them. @throws LeaseLostError */
  async quarantine(lease: Lease): Promise<void> {
    await this.#repository.quarantine(lease);
  }

  async eraseQuarantined(): Promise<void> {
    await this.#repository.eraseQuarantined(quarantineRetentionMs);
  }
}

/**
 * The credentials of one company under one lease. Ids contain phone numbers and LIDs, so they are stored as an HMAC under a
 * company key, which is itself stored encrypted and survives key rotation. The encryption context of a value contains the
 * hashed id, so that key rotation does not need the id.
 */
export class CompanyCredentials {
  readonly #repository: CredentialRepository;
  readonly #keyring: Keyring;
  readonly #lease: Lease;
  readonly #hmacKey: Uint8Array;
  #isHmacKeyStored: boolean;

  constructor(
    repository: CredentialRepository,
    keyring: Keyring,
    lease: Lease,
    hmacKey: Uint8Array | undefined,
  ) {
    this.#repository = repository;
    this.#keyring = keyring;
    this.#lease = lease;
    this.#hmacKey = hmacKey ?? randomBytes(hmacKeyBytes);
    this.#isHmacKeyStored = hmacKey !== undefined;
  }

  /** @throws UnreadableSecretError */
  async read(type: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    // Without a stored HMAC key the company has no credentials.
    if (!this.#isHmacKeyStored) return new Map();
    const idByHash = new Map(ids.map((id) => [this.#hashId(type, id), id]));
    const sealed = await this.#repository.read(this.#lease.companyId, type, [...idByHash.keys()]);
    const values = new Map<string, string>();
    for (const [hashedId, value] of sealed) {
      const id = idByHash.get(hashedId);
      if (id === undefined) continue;
      values.set(id, this.#keyring.open(this.#context(type, hashedId), value).toString());
    }
    return values;
  }

  /** Writes all changes in one transaction. @throws LeaseLostError */
  async write(changes: readonly PlaintextChange[]): Promise<void> {
    const rows = changes.map(({ type, id, value }): CredentialChange => {
      const hashedId = this.#hashId(type, id);
      return { type, id: hashedId, value: value === null ? null : this.#seal(type, hashedId, value) };
    });
    if (!this.#isHmacKeyStored) rows.push(this.#hmacKeyChange());
    await this.#repository.write(this.#lease, rows);
    this.#isHmacKeyStored = true;
  }

  /** @throws LeaseLostError */
  async erase(): Promise<void> {
    await this.#repository.erase(this.#lease);
    this.#isHmacKeyStored = false;
  }

  #hmacKeyChange(): CredentialChange {
    const { type, id } = hmacKeyRow;
    return { type, id, value: this.#seal(type, id, this.#hmacKey) };
  }

  #seal(type: string, hashedId: string, value: Uint8Array | string): Uint8Array {
    return this.#keyring.seal(this.#context(type, hashedId), value);
  }

  #context(type: string, hashedId: string): string {
    return credentialContext(this.#lease.companyId, type, hashedId);
  }

  #hashId(type: string, id: string): string {
    return createHmac('sha256', this.#hmacKey).update(`${type}\n${id}`).digest('base64url');
  }
}
