/** Location of the database. The URLs contain passwords. */
export type DatabaseAddress =
  | Readonly<{ kind: 'embedded'; directory: string }>
  | Readonly<{ kind: 'postgres'; url: string }>
  /** `databaseUrl`: direct connection or session pooler, since migrations and pg-boss cannot use PostgREST. */
  | Readonly<{ kind: 'supabase'; url: string; serviceRoleKey: string; databaseUrl: string }>;
