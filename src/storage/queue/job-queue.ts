import { setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';
import { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import type { Database } from '../database/database.ts';
import { databaseError } from '../database/errors.ts';
import { JobTable } from './job-table.ts';
import { deadLetterQueueName, readDeadLetter, readDeadLetters, readBacklog } from './dead-letters.ts';
import { defaultRetryPolicies } from './retry-policy.ts';
import { type QueueName, queueNames } from '../../domain/queue-names.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { QueueWorker } from './worker.ts';
import { getSqlState } from '../database/sql.ts';
import type { DeadLetterHandler, DeadLetter, JobHandler, JobQueue, NewJob } from '../../ports/job-queue.ts';
import { deterministicUuid } from '../../crypto/hash.ts';

const daySeconds = 86_400;

/** A job is another's after this long without a sign of life of its process. */
const heartbeatTimeoutSeconds = 15;
const reclaimIntervalMs = 5_000;

/** More than one tick of the clock of an embedded Postgres. */
const clockTickMs = 2;

/** Told once of each outage, and once of its end. `what` is a noun such as `Job queue`. */
export type OutageListener = Readonly<{
  began(what: string, error: unknown): void;
  ended(what: string, lastedMs: number): void;
}>;

export type JobQueueOptions = Readonly<{
  database: Pick<Database, 'createBoss' | 'exclusive' | 'sql'>;
  /** Every failed attempt that counts, and trouble in the background. */
  onError: (error: unknown) => void;
  outages: OutageListener;
  monotonicMs: () => number;
  /** Longest wait for the jobs in hand at the end. */
  graceMs?: number;
  policies?: Partial<Record<QueueName, RetryPolicy>>;
  /** While it says so, the jobs of a queue are worked on one by one, without haste. */
  shouldYield?: (queue: QueueName) => boolean;
  /** Uniform in [0, 1). */
  random?: () => number;
}>;

export interface StoppableJobQueue extends JobQueue, AsyncDisposable {
  /** Takes no more jobs and waits for those in hand; inserting goes on. Disposal does this too. */
  stop(): Promise<void>;
}

/** Opens the queues, and hands jobs that a dead process left behind to the next worker. */
export async function createJobQueue(options: JobQueueOptions): Promise<StoppableJobQueue> {
  const boss = options.database.createBoss();
  const outage = createOutageMonitor('Job queue', options);
  // The workers feel an outage as well, and tell of it.
  boss.on('error', (error) => {
    if (!outage.ongoing) options.onError(error);
  });
  await boss.start();
  const policies = { ...defaultRetryPolicies, ...options.policies };
  for (const queue of queueNames) await createQueues(boss, queue);
  const table = new JobTable(options.database);
  await table.prepare();
  // On a database that no other process uses, what is in hand now is in nobody's.
  if (options.database.exclusive) await table.reclaim(queueNames);
  return new PgBossQueue(boss, table, policies, outage, options);
}

function createOutageMonitor(what: string, { outages, monotonicMs }: JobQueueOptions): OutageMonitor {
  return new OutageMonitor(
    { began: (error) => outages.began(what, error), ended: (durationMs) => outages.ended(what, durationMs) },
    monotonicMs,
  );
}

async function createQueues(boss: PgBoss, queue: QueueName): Promise<void> {
  const settings = {
    // Attempts are counted by the worker: a job that pg-boss fails for good would hold up its key.
    retryLimit: 1_000_000,
    // Only for a handler that never comes back; silent processes are found by the claims.
    expireInSeconds: 12 * 3_600,
    // As long as this a repeated id is known.
    deleteAfterSeconds: 3 * daySeconds,
    retentionSeconds: 14 * daySeconds,
  };
  await boss.createQueue(queue, { ...settings, policy: 'key_strict_fifo' });
  // Of earlier releases: pg-boss would count a silence as a failure.
  await boss.updateQueue(queue, { ...settings, heartbeatSeconds: null });
  await boss.createQueue(deadLetterQueueName(queue), { retentionSeconds: 90 * daySeconds });
}

class PgBossQueue implements StoppableJobQueue {
  readonly #boss: PgBoss;
  readonly #table: JobTable;
  readonly #policies: Readonly<Record<QueueName, RetryPolicy>>;
  readonly #outage: OutageMonitor;
  readonly #options: JobQueueOptions;
  readonly #workers: { queue: QueueName; worker: QueueWorker }[] = [];
  readonly #reclaimTimer: NodeJS.Timeout | undefined;
  #lastInsert: Promise<unknown> = Promise.resolve();

  constructor(
    boss: PgBoss,
    table: JobTable,
    policies: Readonly<Record<QueueName, RetryPolicy>>,
    outage: OutageMonitor,
    options: JobQueueOptions,
  ) {
    this.#boss = boss;
    this.#table = table;
    this.#policies = policies;
    this.#outage = outage;
    this.#options = options;
    if (!options.database.exclusive)
      this.#reclaimTimer = setInterval(() => void this.#reclaim(), reclaimIntervalMs).unref();
  }

  async insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
    for (const batch of splitByKey(jobs)) await this.#insertInOrder(queue, batch);
    this.#wake(queue);
  }

  async runNow(queue: QueueName, key: string): Promise<void> {
    await this.#table.runNow(queue, key);
    this.#wake(queue);
  }

  async work(
    queue: QueueName,
    handler: JobHandler,
    onDeadLetter: DeadLetterHandler = async () => {},
  ): Promise<void> {
    const worker = new QueueWorker({
      boss: this.#boss,
      table: this.#table,
      queue,
      policy: this.#policies[queue],
      handler,
      onDeadLetter,
      shouldYield: () => this.#options.shouldYield?.(queue) === true,
      random: this.#options.random ?? Math.random,
      queueOutage: this.#outage,
      jobsOutage: createOutageMonitor(`Job handlers (${queue})`, this.#options),
      onError: this.#options.onError,
    });
    this.#workers.push({ queue, worker });
  }

  async backlog(
    queue: QueueName,
    keyPrefix = '',
  ): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }>> {
    return await readBacklog(this.#options.database, queue, keyPrefix);
  }

  async deadLetters(queue: QueueName, limit: number): Promise<readonly DeadLetter[]> {
    return await readDeadLetters(this.#options.database, queue, limit);
  }

  /** The id follows from the letter's: a replay that a crash interrupted between its two steps is one replay. */
  async replay(queue: QueueName, id: string): Promise<boolean> {
    const deadLetter = await readDeadLetter(this.#options.database, queue, id);
    if (deadLetter === undefined) return false;
    await this.insert(queue, [{ id: deterministicUuid('replay', id), ...deadLetter }]);
    await this.#boss.deleteJob(deadLetterQueueName(queue), id);
    return true;
  }

  async stop(): Promise<void> {
    clearInterval(this.#reclaimTimer);
    const graceMs = this.#options.graceMs ?? 10_000;
    await Promise.all(this.#workers.map(({ worker }) => worker.stop(graceMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#lastInsert;
    await this.#boss.stop({ graceful: false });
  }

  #wake(queue: QueueName): void {
    for (const { queue: name, worker } of this.#workers) if (name === queue) worker.wake();
  }

  /**
   * What was reclaimed is found by the workers' next look. A process that was stopped for a while is not to take its own jobs
   * from itself.
   */
  async #reclaim(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.touch()));
    try {
      await this.#table.reclaim(queueNames, heartbeatTimeoutSeconds);
    } catch (error) {
      if (!this.#outage.ongoing) this.#options.onError(error);
    }
  }

  /**
   * pg-boss orders a key by the time of insertion, and the clock of the embedded Postgres counts milliseconds. On a server
   * whoever inserts two jobs of a key waits for the first.
   */
  async #insertInOrder(queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
    if (!this.#options.database.exclusive) {
      await this.#write(queue, jobs);
      return;
    }
    const inserted = this.#lastInsert.then(() => this.#write(queue, jobs));
    this.#lastInsert = inserted.then(
      () => delay(clockTickMs),
      () => undefined,
    );
    await inserted;
  }

  async #write(queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
    try {
      await this.#table.insert(queue, jobs);
    } catch (error) {
      // The driver's error carries the parameters, which hold people's names and numbers.
      const cause = new Error(`${queue}: ${error instanceof Error ? error.message : 'unknown error'}`);
      throw databaseError(getSqlState(error) ?? '', cause);
    }
  }
}

/** One statement's jobs have one time of insertion, so the second job of a key goes into a second statement. */
function splitByKey(jobs: readonly NewJob[]): NewJob[][] {
  const seenIds = new Set<string>();
  const jobCountByKey = new Map<string, number>();
  const batches: NewJob[][] = [];
  for (const job of jobs) {
    if (job.id !== undefined && seenIds.has(job.id)) continue;
    if (job.id !== undefined) seenIds.add(job.id);
    const batchIndex = jobCountByKey.get(job.key) ?? 0;
    jobCountByKey.set(job.key, batchIndex + 1);
    (batches[batchIndex] ??= []).push(job);
  }
  return batches;
}
