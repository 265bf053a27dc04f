/** A connection within a transaction. */
export interface SqlTransaction {
  /** One statement with `$1` parameters; rows are objects by column name. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Several statements without parameters. */
  exec(text: string): Promise<void>;
}

/** Common interface of PGlite and Postgres. */
export interface SqlDatabase {
  /** Commits if `work` resolves, rolls back if it rejects. Durable when it resolves. */
  transaction<Result>(work: (transaction: SqlTransaction) => Promise<Result>): Promise<Result>;
  /** One statement with `$1` parameters in its own transaction. Durable when it resolves. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export type Row = Readonly<Record<string, unknown>>;

/** SQLSTATE of a pg or PGlite error, such as `23505`. */
export function getSqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}
