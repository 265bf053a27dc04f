import type { DatabaseAddress } from '../ports/database-address.ts';
import type { Keyring } from '../crypto/keyring.ts';
import { CompanyCache } from './repositories/company-cache.ts';
import { createRepositories, type Repositories } from './create-repositories.ts';
import { openDatabase } from './database/database.ts';
import { readMigrations } from './database/migrate.ts';
import { createJobQueue, type OutageListener, type StoppableJobQueue } from './queue/job-queue.ts';
import { defaultRetryPolicies } from './queue/retry-policy.ts';
import { Rpc } from './rpc/client.ts';
import type { Companies } from '../ports/companies.ts';

/** An embedded database does one thing after another; what stands in line there, a new webhook has to wait for. */
const maxEmbeddedWebhookConcurrency = 2;

export type StorageOptions = Readonly<{
  database: DatabaseAddress;
  migrationsDirectory: string;
  /** Seals the companies' keys. */
  keyring: Keyring;
  now: () => Date;
  monotonicMs: () => number;
  /** Background trouble and failed attempts of jobs. */
  onError: (error: unknown) => void;
  /** Of the database, as the jobs feel them. */
  outages: OutageListener;
  /** Webhooks worked on at once, where the database can do more than one thing at once. */
  webhookConcurrency: number;
  /** Whether webhooks come so fast that those already taken should wait a little. */
  shouldYieldToInbox: () => boolean;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

/** The repositories and the job queue on one database. */
export type Storage = AsyncDisposable &
  Omit<Repositories, 'companies'> &
  Readonly<{
    companies: Companies;
    /** Its disposal waits for the jobs in hand, which need the rest of the graph: dispose it first. */
    queue: StoppableJobQueue;
    /** How many inserts into the queue gain by running at once. */
    concurrentInserts: number;
    /** Rejects when the database does not answer. */
    ping(): Promise<void>;
  }>;

/** Opens the database, brings its schema up to date and puts the repositories on it. @throws as `openDatabase` */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { keyring, now, monotonicMs, onError, outages, webhookConcurrency, shouldYieldToInbox, random } =
    options;
  await using scope = new AsyncDisposableStack();
  const migrations = await readMigrations(options.migrationsDirectory);
  const database = scope.use(await openDatabase(options.database, { migrations, onError, now }));
  const concurrency = database.exclusive
    ? Math.min(webhookConcurrency, maxEmbeddedWebhookConcurrency)
    : webhookConcurrency;
  const queue = scope.use(
    await createJobQueue({
      database,
      onError,
      outages,
      monotonicMs,
      random,
      shouldYield: (name) => name === 'webhooks' && shouldYieldToInbox(),
      policies: { webhooks: { ...defaultRetryPolicies.webhooks, concurrency } },
    }),
  );
  const repositories = createRepositories(new Rpc(database.supabase), keyring);
  const opened = scope.move();
  return {
    ...repositories,
    companies: new CompanyCache(repositories.companies),
    queue,
    concurrentInserts: database.exclusive ? 1 : 2,
    ping: () => database.ping(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
