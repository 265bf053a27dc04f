import { createHmac, randomBytes } from 'node:crypto';
import type { CompanyId } from '../../domain/ids.ts';
import { credentialContext } from '../../crypto/encryption-context.ts';
import { UnreadableSecretError, type Keyring } from '../../crypto/keyring.ts';
import type { EncryptedReplacement } from '../../ports/encrypted-values.ts';
import type { CredentialChange, CredentialRows } from '../../ports/credentials.ts';
import type { Lease } from '../../ports/sessions.ts';

/** A credential in the clear; `value: null` deletes it. */
export type PlaintextChange = Readonly<{ type: string; id: string; value: string | null }>;

/** Rows that can be sealed anew, and set aside: still sealed, and found by nothing that logs in. */
export interface CredentialRepository extends CredentialRows {
  /** Replaces those that are still what was read, so no lease is asked for. @returns how many were */
  replace(replacements: readonly EncryptedReplacement[]): Promise<number>;
  /** Leaves nothing behind. @throws when there is no room for that many bytes; LeaseLostError */
  probe(lease: Lease, bytes: number): Promise<void>;
  /** @throws LeaseLostError when a newer token has been seen */
  quarantine(lease: Lease): Promise<void>;
  /** Erases what was set aside that long ago. */
  eraseQuarantined(olderThanMs: number): Promise<void>;
}

/** More than a login writes at once. */
export const probeBytes = 64 * 1024;

/** With what takes its place, if it was bound to its id. */
type OpenedCredential = Readonly<{ text: string; replacement?: EncryptedReplacement }>;

/** Long enough to find out why WhatsApp ended a link, and no longer: nobody can log in with them. */
const quarantineRetentionMs = 7 * 24 * 60 * 60_000;

const hmacKeyRow = { type: 'name-key', id: 'name-key' } as const;
const hmacKeyBytes = 32;

/** WhatsApp credentials of all companies: encrypts what is stored, hides under what name. */
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
   * From now on whoever held the lease before writes nothing any more: what is read is the newest there will be. Also a
   * store that takes no writes, or is full, is found before WhatsApp sees a login.
   * @throws UnreadableSecretError when the company's rows were sealed with a key that is gone; LeaseLostError
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

  /** Sets aside what WhatsApp refuses for good; it is erased a week later. @throws LeaseLostError */
  async quarantine(lease: Lease): Promise<void> {
    await this.#repository.quarantine(lease);
  }

  async eraseQuarantined(): Promise<void> {
    await this.#repository.eraseQuarantined(quarantineRetentionMs);
  }
}

/**
 * The credentials of one company under one lease. Ids of WhatsApp's keys hold phone numbers and LIDs, so rows are named by an
 * HMAC of type and id under a key of the company, which is itself stored sealed: it survives the rotation of encryption keys.
 * Values are sealed with company, type and name as their context, so that they can be sealed anew by who does not know the id;
 * the first versions bound them to the id, which is mended when they are read.
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
    // Nothing was ever written under a name that nobody knows.
    if (!this.#isHmacKeyStored) return new Map();
    const idByHash = new Map(ids.map((id) => [this.#hashId(type, id), id]));
    const sealed = await this.#repository.read(this.#lease.companyId, type, [...idByHash.keys()]);
    const values = new Map<string, string>();
    const replacements: EncryptedReplacement[] = [];
    for (const [name, value] of sealed) {
      const id = idByHash.get(name);
      if (id === undefined) continue;
      const opened = this.#open(type, { id, hashedId: name, value });
      values.set(id, opened.text);
      if (opened.replacement !== undefined) replacements.push(opened.replacement);
    }
    // What was not replaced is read as before, and replaced another time.
    if (replacements.length > 0) await this.#repository.replace(replacements).catch(() => undefined);
    return values;
  }

  /**
   * All changes or none.
   * @throws LeaseLostError
   */
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
