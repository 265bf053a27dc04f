import type { CompanyId } from '../domain/ids.ts';
import type { Lease } from './sessions.ts';

/** Encrypted WhatsApp credentials as rows; what is inside is not storage's business. */
export interface CredentialRows {
  read(companyId: CompanyId, type: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * All changes in one transaction; `value: null` deletes.
   * @throws LeaseLostError when a newer token has been seen
   */
  write(lease: Lease, changes: readonly CredentialChange[]): Promise<void>;
  /** Companies that have credentials. */
  companies(): Promise<readonly CompanyId[]>;
  /** @throws LeaseLostError when a newer token has been seen */
  erase(lease: Lease): Promise<void>;
}

export type CredentialChange = Readonly<{ type: string; id: string; value: Uint8Array | null }>;
