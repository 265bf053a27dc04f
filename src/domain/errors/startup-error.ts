const messages = {
  address: 'Cannot listen on HOST and PORT',
  database: 'Database of DATABASE_URL unavailable',
} as const;

/** The server cannot bind its address or open its database. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
  readonly component: keyof typeof messages;

  constructor(component: keyof typeof messages, cause: unknown) {
    super(`${messages[component]}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.component = component;
  }
}

/** The migrations of the database and of this release do not fit together; only an operator can change that. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}
