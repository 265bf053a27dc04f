import type { Keyring } from '../crypto/keyring.ts';
import type { Companies } from '../ports/companies.ts';
import type { DatabaseAddress } from '../ports/database-address.ts';
import { createRepositories, type Repositories } from './create-repositories.ts';
import { openDatabase } from './database/database.ts';
import { readMigrations } from './database/migrate.ts';
import { createJobQueue, type JobQueueDeps, type StoppableJobQueue } from './queue/job-queue.ts';
import { defaultRetryPolicies } from './queue/retry-policy.ts';
import { CachedCompanies } from './repositories/company-cache.ts';
import { Rpc } from './rpc/client.ts';

/** PGlite runs one statement at a time, and new webhooks wait behind those of the workers. */
const maxEmbeddedWebhookConcurrency = 2;

export type StorageDeps = Readonly<{
  /** Encrypts secrets and received messages. */
  keyring: Keyring;
  now: () => Date;
  monotonicMs: () => number;
  /** Called for background errors and failed job attempts. */
  onError: (error: unknown) => void;
  /** See `JobQueueDeps`. */
  outageCallbacks: JobQueueDeps['outageCallbacks'];
  /** Whether a burst of incoming webhooks should delay the processing of accepted ones. */
  shouldYieldToInbox: () => boolean;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

export type StorageOptions = Readonly<{
  database: DatabaseAddress;
  migrationsDirectory: string;
  /** Webhooks processed concurrently; at most two on the embedded database. */
  webhookConcurrency: number;
}>;

/** The repositories and the job queue on one database. */
export type Storage = AsyncDisposable &
  Omit<Repositories, 'companies'> &
  Readonly<{
    companies: Companies;
    /** Disposal waits for jobs in flight, which use everything else: dispose it first. */
    queue: StoppableJobQueue;
    /** Number of concurrent queue inserts that the database benefits from. The inbox has as many shards. */
    concurrentInserts: number;
    /** Health check. @throws AppError `DB_ERROR` */
    ping(): Promise<void>;
  }>;

/** Opens the database, migrates it and starts the job queue. @throws as `openDatabase` */
export async function openStorage(deps: StorageDeps, options: StorageOptions): Promise<Storage> {
  const { keyring, now, monotonicMs, onError, outageCallbacks, shouldYieldToInbox, random } = deps;
  const { webhookConcurrency } = options;
  await using scope = new AsyncDisposableStack();
  const migrations = await readMigrations(options.migrationsDirectory);
  const database = scope.use(await openDatabase(options.database, { migrations, onError, now }));
  const concurrency = database.exclusive
    ? Math.min(webhookConcurrency, maxEmbeddedWebhookConcurrency)
    : webhookConcurrency;
  const queue = scope.use(
    await createJobQueue(
      {
        database,
        onError,
        outageCallbacks,
        monotonicMs,
        random,
        shouldYield: { webhooks: shouldYieldToInbox },
      },
      { policies: { webhooks: { ...defaultRetryPolicies.webhooks, concurrency } } },
    ),
  );
  const repositories = createRepositories(new Rpc(database.supabase), keyring);
  const opened = scope.move();
  return {
    ...repositories,
    companies: new CachedCompanies(repositories.companies),
    queue,
    concurrentInserts: database.exclusive ? 1 : 2,
    ping: () => database.ping(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
