import { createClient } from '@supabase/supabase-js';
import { fromPglite, PgBoss } from 'pg-boss';
import { MigrationError, StartupError } from '../../domain/errors/startup-error.ts';
import type { DatabaseAddress } from '../../ports/database-address.ts';
import { Rpc } from '../rpc/client.ts';
import type { RpcSchema, Supabase } from '../rpc/client.ts';
import { createPostgrestFetch } from '../rpc/in-process-postgrest.ts';
import { migrate } from './migrate.ts';
import type { Migration } from './migrate.ts';
import { PgliteDatabase } from './pglite.ts';
import { PostgresDatabase } from './postgres.ts';
import type { SqlDatabase } from './sql.ts';

export type DatabaseDeps = Readonly<{
  migrations: readonly Migration[];
  /** Background errors: a lost idle connection, a failed checkpoint. */
  onError: (error: unknown) => void;
  now: () => Date;
}>;

export interface Database extends AsyncDisposable {
  readonly kind: DatabaseAddress['kind'];
  readonly supabase: Supabase;
  /** Direct SQL, for migrations and the job table; everything else uses `supabase`. */
  readonly sql: SqlDatabase;
  /** Whether no other process can use the database, so that unfinished jobs found at the start are stale. */
  readonly exclusive: boolean;
  /** Creates pg-boss on this database, not started. Its tables are in the schema `pgboss`. */
  createBoss(): PgBoss;
  /** Health check through `supabase`, the path of all application calls. @throws AppError `DB_ERROR` */
  ping(): Promise<void>;
}

/** Statement timeout plus network latency. */
const requestTimeoutMs = 12_000;

const commonBossOptions = {
  schema: 'pgboss',
  schedule: false,
  registerInstance: false,
  // Its statistics are unused, and counting 200,000 jobs takes a third of a second.
  monitorIntervalSeconds: 3_600,
  openTelemetry: { enabled: false },
} as const;

/**
 * Opens the database and brings its schema up to date.
 * @throws MigrationError, DirectoryInUseError, UnusableDirectoryError, StartupError
 */
export async function openDatabase(address: DatabaseAddress, deps: DatabaseDeps): Promise<Database> {
  const { onError, now } = deps;
  const backend =
    address.kind === 'embedded'
      ? await PgliteDatabase.open({ directory: address.directory, onError, now })
      : new PostgresDatabase({ url: serverUrl(address), onError });
  try {
    await migrate(backend, deps.migrations);
  } catch (error) {
    await backend[Symbol.asyncDispose]();
    throw address.kind === 'embedded' || error instanceof MigrationError
      ? error
      : new StartupError('database', error);
  }
  const supabase = createSupabase(address, backend);
  return {
    kind: address.kind,
    supabase,
    sql: backend,
    exclusive: address.kind === 'embedded',
    createBoss: () => (backend instanceof PgliteDatabase ? embeddedBoss(backend) : serverBoss(backend)),
    ping: async () => {
      await new Rpc(supabase).call('company_by_id', { p_company_id: 0 });
    },
    [Symbol.asyncDispose]: () => backend[Symbol.asyncDispose](),
  };
}

/** Shares the pool: its limits apply to pg-boss too, and a lost connection does not crash the process. */
function serverBoss(server: PostgresDatabase): PgBoss {
  return new PgBoss({ ...commonBossOptions, db: server });
}

function embeddedBoss(embedded: PgliteDatabase): PgBoss {
  return new PgBoss({
    ...commonBossOptions,
    backend: 'pglite',
    db: fromPglite(embedded.pglite),
    reindex: false,
    monitorVacuum: false,
  });
}

function serverUrl(address: Exclude<DatabaseAddress, { kind: 'embedded' }>): string {
  return address.kind === 'postgres' ? address.url : address.databaseUrl;
}

function createSupabase(address: DatabaseAddress, backend: SqlDatabase): Supabase {
  const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false };
  if (address.kind === 'supabase') {
    return createClient<RpcSchema>(address.url, address.serviceRoleKey, {
      auth,
      global: { fetch: fetchWithTimeout },
    });
  }
  return createClient<RpcSchema>('http://embedded.local', 'in-process', {
    auth,
    global: { fetch: createPostgrestFetch(backend) },
  });
}

const fetchWithTimeout: typeof fetch = (input, init) =>
  fetch(input, {
    ...init,
    signal: AbortSignal.any([AbortSignal.timeout(requestTimeoutMs), ...(init?.signal ? [init.signal] : [])]),
  });
