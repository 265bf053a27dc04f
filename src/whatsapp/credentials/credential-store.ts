import { createHmac, randomBytes } from 'node:crypto';
import type { CompanyId } from '../../domain/ids.ts';
import { credentialContext } from '../../crypto/encryption-context.ts';
import { UnreadableSecretError, type Keyring } from '../../crypto/keyring.ts';
import type { EncryptedReplacement } from '../../ports/encrypted-values.ts';
import type { CredentialChange, CredentialRows } from '../../ports/credentials.ts';
import type { Lease } from '../../ports/sessions.ts';

/** A credential in the clear; `value: null` deletes it. */
export type PlaintextChange = Readonly<{ type: string; id: string; value: string | null }>;

/** Encrypted credentials that can be re-encrypted, and quarantined: kept encrypted, but no longer used for a login. */
export interface CredentialRepository extends CredentialRows {
  /** Replaces the values that have not changed since they were read, without a lease. @returns their number */
  replace(replacements: readonly EncryptedReplacement[]): Promise<number>;
  /** Writes and deletes this many bytes. @throws LeaseLostError, or the error of a full or read-only disk */
  probe(lease: Lease, bytes: number): Promise<void>;
  /** @throws LeaseLostError when a newer token has been seen */
  quarantine(lease: Lease): Promise<void>;
  /** Erases what has been in quarantine for longer. */
  eraseQuarantined(olderThanMs: number): Promise<void>;
}

/** More than one write during a login. */
export const probeBytes = 64 * 1024;

/** `replacement` is set when the stored value uses the old encryption context. */
type OpenedCredential = Readonly<{ text: string; replacement?: EncryptedReplacement }>;

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
 * hashed id, so that key rotation does not need the id; values with the old context (plain id) are re-encrypted when read.
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
    const replacements: EncryptedReplacement[] = [];
    for (const [hashedId, value] of sealed) {
      const id = idByHash.get(hashedId);
      if (id === undefined) continue;
      const opened = this.#open(type, { id, hashedId, value });
      values.set(id, opened.text);
      if (opened.replacement !== undefined) replacements.push(opened.replacement);
    }
    // After a failure the old value remains readable and is replaced by a later read.
    if (replacements.length > 0) await this.#repository.replace(replacements).catch(() => undefined);
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
    return this.#keyring.seal(credentialContext(this.#lease.companyId, type, hashedId), value);
  }

  #open(type: string, row: Readonly<{ id: string; hashedId: string; value: Uint8Array }>): OpenedCredential {
    const { companyId } = this.#lease;
    const context = credentialContext(companyId, type, row.hashedId);
    try {
      return { text: this.#keyring.open(context, row.value).toString() };
    } catch (error) {
      if (!(error instanceof UnreadableSecretError)) throw error;
      const text = this.#keyring.open(credentialContext(companyId, type, row.id), row.value).toString();
      const stored = { companyId, token: 0, type, id: row.hashedId, context, value: row.value };
      return { text, replacement: { stored, value: this.#seal(type, row.hashedId, text) } };
    }
  }

  #hashId(type: string, id: string): string {
    return createHmac('sha256', this.#hmacKey).update(`${type}\n${id}`).digest('base64url');
  }
}
