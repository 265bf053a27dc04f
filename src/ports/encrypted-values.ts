import type { CompanyId } from '../domain/ids.ts';

/** An encrypted value and its location. The values of a table have a fixed order; any of them can serve as a cursor. */
export type EncryptedValue = Readonly<{
  companyId: CompanyId;
  /** Lease token of quarantined credentials, or sequence number of a received message; otherwise 0. */
  token: number;
  /** Kind of value within its table. */
  type: string;
  id: string;
  /** Associated data of the encryption. */
  context: string;
  value: Uint8Array;
}>;

export type EncryptedReplacement = Readonly<{ stored: EncryptedValue; value: Uint8Array }>;

/** One table of encrypted values, for key rotation. */
export interface EncryptedTable {
  /**
   * Values whose ciphertext does not start with `currentKeyPrefix`.
   * @param after last value of the previous page; undefined starts at the beginning
   */
  findStale(
    currentKeyPrefix: Uint8Array,
    after: EncryptedValue | undefined,
    limit: number,
  ): Promise<readonly EncryptedValue[]>;
  /** Compares and swaps: a value that changed since it was read is skipped. @returns the number replaced */
  replace(replacements: readonly EncryptedReplacement[]): Promise<number>;
}

/** A store of encrypted values. */
export interface EncryptedValues {
  readonly tables: readonly EncryptedTable[];
  /** Stale values in all tables; counts at most 100,000 received messages. */
  countStale(currentKeyPrefix: Uint8Array): Promise<number>;
  /**
   * Removes replaced ciphertext from the store's files where the store controls them, including that of earlier processes.
   * @returns whether there was anything to remove
   */
  compact(): Promise<boolean>;
}
