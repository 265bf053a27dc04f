/** One connection inside one transaction. */
export interface SqlSession {
  /** One statement with `$1` parameters; rows are objects by column name. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Several statements without parameters. */
  exec(text: string): Promise<void>;
}

/** What a database must be able to do for the rpc endpoint and the migrations. */
export interface SqlDatabase {
  /** Commits when `work` resolves, rolls back when it rejects; the commit is durable when this resolves. */
  transaction<Result>(work: (session: SqlSession) => Promise<Result>): Promise<Result>;
  /** One statement with `$1` parameters, in a transaction of its own; durable when this resolves. */
  query(text: string, values?: readonly unknown[]): Promise<readonly Row[]>;
}

export type Row = Readonly<Record<string, unknown>>;

/** The SQLSTATE of an error of either driver, such as `23505`. */
export function getSqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : undefined;
}
