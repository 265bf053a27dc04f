const failures = {
  address: 'HOST and PORT cannot be listened on',
  database: 'The database of DATABASE_URL cannot be used',
} as const;

/** The server cannot start without the address that it listens on, or without its database. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly at: keyof typeof failures;

  constructor(at: keyof typeof failures, cause: unknown) {
    super(`${failures[at]}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.at = at;
  }
}
