import type { CompanyId } from '../domain/ids.ts';

/** A sealed value, and where it is stored. Tables give theirs in the order of company, token, type and id. */
export type SealedValue = Readonly<{
  companyId: CompanyId;
  /** Of the lease under which it was set aside; 0 where there is none. */
  token: number;
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
  /** How many values of all tables do not begin with the header. */
  countNotUnder(header: Uint8Array): Promise<number>;
  /** Nothing that was replaced may be found in the store's files any more, as far as that is up to it. */
  forgetReplaced(): Promise<void>;
}
