import type { CompanyId } from '../domain/ids.ts';
import type { Lease } from './sessions.ts';

/** Encrypted WhatsApp credentials. In quarantine they are kept, but no longer used for a login. */
export interface CredentialRepository {
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
  /** Writes and deletes this many bytes. @throws LeaseLostError, or the error of a full or read-only disk */
  probe(lease: Lease, bytes: number): Promise<void>;
  /** Moves all credentials of the company into quarantine. @throws LeaseLostError if a newer lease token has been granted */
  quarantine(lease: Lease): Promise<void>;
  /** Erases credentials that were quarantined longer ago. */
  eraseQuarantined(olderThanMs: number): Promise<void>;
}

export type CredentialChange = Readonly<{ type: string; id: string; value: Uint8Array | null }>;
