import type { CompanyId } from '../domain/ids.ts';

/** A sealed value, and where it is stored. Each table gives its values in one order, which any of them resumes. */
export type SealedValue = Readonly<{
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

export type SealedReplacement = Readonly<{ stored: SealedValue; value: Uint8Array }>;

/** One table of sealed values, as whoever changes the key sees it. */
export interface SealedTable {
  /**
   * Values that do not begin with the header.
   * @param after the last one seen; absent: from the beginning
   */
  notUnder(
    header: Uint8Array,
    after: SealedValue | undefined,
    limit: number,
  ): Promise<readonly SealedValue[]>;
  /** Replaces those that are still what was read. @returns how many were */
  replace(replacements: readonly SealedReplacement[]): Promise<number>;
}

/** A store of sealed values. */
export interface SealedValues {
  readonly tables: readonly SealedTable[];
  /** How many values of all tables do not begin with the header; of what clients write 100,000 are counted at most. */
  countNotUnder(header: Uint8Array): Promise<number>;
  /**
   * Nothing that was replaced may be found in the store's files any more, as far as that is up to it; what an earlier process
   * replaced included.
   * @returns whether there was something to forget
   */
  forgetReplaced(): Promise<boolean>;
}
