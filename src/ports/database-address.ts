/** Where the data is; the addresses hold passwords. */
export type DatabaseAddress =
  | Readonly<{ kind: 'embedded'; directory: string }>
  | Readonly<{ kind: 'postgres'; url: string }>
  /** `databaseUrl` is a direct connection or a session pooler: migrations and jobs need more than PostgREST. */
  | Readonly<{ kind: 'supabase'; url: string; serviceRoleKey: string; databaseUrl: string }>;
