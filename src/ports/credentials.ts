import type { CompanyId } from '../domain/ids.ts';
import type { Lease } from './sessions.ts';

/** Encrypted WhatsApp credentials as rows. The store never sees plaintext. */
export interface CredentialRows {
  /** @returns values by id; unknown ids are absent */
  read(companyId: CompanyId, type: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * Writes all changes in one transaction; `value: null` deletes.
   * @throws LeaseLostError if a newer lease token has been granted
   */
  write(lease: Lease, changes: readonly CredentialChange[]): Promise<void>;
  /** Companies that have credentials. */
  companies(): Promise<readonly CompanyId[]>;
  /** Deletes all credentials of the company. @throws LeaseLostError if a newer lease token has been granted */
  erase(lease: Lease): Promise<void>;
}

export type CredentialChange = Readonly<{ type: string; id: string; value: Uint8Array | null }>;
