import type { CompanyId } from '../domain/ids.ts';

/** A sealed value, and where it is stored. Each table gives its values in one order, which any of them resumes. */
export type EncryptedValue = Readonly<{
  companyId: CompanyId;
  /** Of the lease under which it was set aside, or the number of what a client wrote; 0 where there is neither. */
  token: number;
  /** What it is among the values of its table. */
  type: string;
  id: string;
  /** What the seal is bound to. */
  context: string;
  value: Uint8Array;
}>;

export type EncryptedReplacement = Readonly<{ stored: EncryptedValue; value: Uint8Array }>;

/** One table of sealed values, as whoever changes the key sees it. */
export interface EncryptedTable {
  /**
   * Values that do not begin with the header.
   * @param after the last one seen; absent: from the beginning
   */
  findStale(
    currentKeyPrefix: Uint8Array,
    after: EncryptedValue | undefined,
    limit: number,
  ): Promise<readonly EncryptedValue[]>;
  /** Replaces those that are still what was read. @returns how many were */
  replace(replacements: readonly EncryptedReplacement[]): Promise<number>;
}

/** A store of sealed values. */
export interface EncryptedValues {
  readonly tables: readonly EncryptedTable[];
  /** How many values of all tables do not begin with the header; of what clients write 100,000 are counted at most. */
  countStale(currentKeyPrefix: Uint8Array): Promise<number>;
  /**
   * Nothing that was replaced may be found in the store's files any more, as far as that is up to it; what an earlier process
   * replaced included.
   * @returns whether there was something to forget
   */
  compact(): Promise<boolean>;
}
