import { createHmac, randomBytes } from 'node:crypto';
import type { CompanyId } from '../../domain/ids.ts';
import { credentialContext } from '../../crypto/encryption-context.ts';
import { UnreadableSecretError, type SecretBox } from '../../crypto/keyring.ts';
import type { CredentialChange, CredentialRows, Lease } from '../../ports/ports.ts';
import type { SealedReplacement } from '../../ports/encrypted-values.ts';

/** A credential in the clear; `value: null` deletes it. */
export type PlainChange = Readonly<{ type: string; id: string; value: string | null }>;

/** Rows that can be sealed anew, and set aside: still sealed, and found by nothing that logs in. */
export interface QuarantiningRows extends CredentialRows {
  /** Replaces those that are still what was read, so no lease is asked for. @returns how many were */
  replace(replacements: readonly SealedReplacement[]): Promise<number>;
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
type Opened = Readonly<{ text: string; replacement?: SealedReplacement }>;

/** Long enough to find out why WhatsApp ended a link, and no longer: nobody can log in with them. */
const quarantineMs = 7 * 24 * 60 * 60_000;

const nameKeyRow = { type: 'name-key', id: 'name-key' } as const;
const nameKeyBytes = 32;

/** WhatsApp credentials of all companies: encrypts what is stored, hides under what name. */
export class CredentialStore {
  readonly #rows: QuarantiningRows;
  readonly #box: SecretBox;

  constructor(rows: QuarantiningRows, box: SecretBox) {
    this.#rows = rows;
    this.#box = box;
  }

  async companies(): Promise<readonly CompanyId[]> {
    return this.#rows.companies();
  }

  /**
   * From now on whoever held the lease before writes nothing any more: what is read is the newest there will be. Also a
   * store that takes no writes, or is full, is found before WhatsApp sees a login.
   * @throws UnreadableSecretError when the company's rows were sealed with a key that is gone; LeaseLostError
   */
  async open(lease: Lease): Promise<CompanyCredentials> {
    await this.#rows.write(lease, []);
    await this.#rows.probe(lease, probeBytes);
    const { type, id } = nameKeyRow;
    const found = (await this.#rows.read(lease.companyId, type, [id])).get(id);
    const nameKey = found && this.#box.open(credentialContext(lease.companyId, type, id), found);
    return new CompanyCredentials(this.#rows, this.#box, lease, nameKey);
  }

  /** @throws LeaseLostError */
  async erase(lease: Lease): Promise<void> {
    await this.#rows.erase(lease);
  }

  /** Sets aside what WhatsApp refuses for good; it is erased a week later. @throws LeaseLostError */
  async quarantine(lease: Lease): Promise<void> {
    await this.#rows.quarantine(lease);
  }

  async eraseQuarantined(): Promise<void> {
    await this.#rows.eraseQuarantined(quarantineMs);
  }
}

/**
 * The credentials of one company under one lease. Ids of WhatsApp's keys hold phone numbers and LIDs, so rows are named by an
 * HMAC of type and id under a key of the company, which is itself stored sealed: it survives the rotation of encryption keys.
 * Values are sealed with company, type and name as their context, so that they can be sealed anew by who does not know the id;
 * the first versions bound them to the id, which is mended when they are read.
 */
export class CompanyCredentials {
  readonly #rows: QuarantiningRows;
  readonly #box: SecretBox;
  readonly #lease: Lease;
  readonly #nameKey: Uint8Array;
  #nameKeyIsStored: boolean;

  constructor(rows: QuarantiningRows, box: SecretBox, lease: Lease, nameKey: Uint8Array | undefined) {
    this.#rows = rows;
    this.#box = box;
    this.#lease = lease;
    this.#nameKey = nameKey ?? randomBytes(nameKeyBytes);
    this.#nameKeyIsStored = nameKey !== undefined;
  }

  /** @throws UnreadableSecretError */
  async read(type: string, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
    // Nothing was ever written under a name that nobody knows.
    if (!this.#nameKeyIsStored) return new Map();
    const idByName = new Map(ids.map((id) => [this.#nameOf(type, id), id]));
    const sealed = await this.#rows.read(this.#lease.companyId, type, [...idByName.keys()]);
    const values = new Map<string, string>();
    const boundToId: SealedReplacement[] = [];
    for (const [name, value] of sealed) {
      const id = idByName.get(name);
      if (id === undefined) continue;
      const opened = this.#open(type, { id, name, value });
      values.set(id, opened.text);
      if (opened.replacement !== undefined) boundToId.push(opened.replacement);
    }
    // What was not replaced is read as before, and replaced another time.
    if (boundToId.length > 0) await this.#rows.replace(boundToId).catch(() => undefined);
    return values;
  }

  /**
   * All changes or none.
   * @throws LeaseLostError
   */
  async write(changes: readonly PlainChange[]): Promise<void> {
    const rows = changes.map(({ type, id, value }): CredentialChange => {
      const name = this.#nameOf(type, id);
      return { type, id: name, value: value === null ? null : this.#seal(type, name, value) };
    });
    if (!this.#nameKeyIsStored) rows.push(this.#nameKeyChange());
    await this.#rows.write(this.#lease, rows);
    this.#nameKeyIsStored = true;
  }

  /** @throws LeaseLostError */
  async erase(): Promise<void> {
    await this.#rows.erase(this.#lease);
    this.#nameKeyIsStored = false;
  }

  #nameKeyChange(): CredentialChange {
    const { type, id } = nameKeyRow;
    return { type, id, value: this.#seal(type, id, this.#nameKey) };
  }

  #seal(type: string, name: string, value: Uint8Array | string): Uint8Array {
    return this.#box.seal(credentialContext(this.#lease.companyId, type, name), value);
  }

  #open(type: string, row: Readonly<{ id: string; name: string; value: Uint8Array }>): Opened {
    const { companyId } = this.#lease;
    const context = credentialContext(companyId, type, row.name);
    try {
      return { text: this.#box.open(context, row.value).toString() };
    } catch (error) {
      if (!(error instanceof UnreadableSecretError)) throw error;
      const text = this.#box.open(credentialContext(companyId, type, row.id), row.value).toString();
      const stored = { companyId, token: 0, type, id: row.name, context, value: row.value };
      return { text, replacement: { stored, value: this.#seal(type, row.name, text) } };
    }
  }

  #nameOf(type: string, id: string): string {
    return createHmac('sha256', this.#nameKey).update(`${type}\n${id}`).digest('base64url');
  }
}
