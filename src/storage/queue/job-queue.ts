import { setTimeout as delay } from 'node:timers/promises';
import type { PgBoss } from 'pg-boss';
import { deterministicUuid } from '../../crypto/hash.ts';
import { type QueueName, queueNames } from '../../domain/queue-names.ts';
import { type OutageCallbacks, OutageMonitor } from '../../lib/async/outage-monitor.ts';
import type { DeadLetterHandler, DeadLetter, JobHandler, JobQueue, NewJob } from '../../ports/job-queue.ts';
import type { Database } from '../database/database.ts';
import { databaseError } from '../database/errors.ts';
import { getSqlState } from '../database/sql.ts';
import { deadLetterQueueName, readDeadLetter, readDeadLetters } from './dead-letters.ts';
import { JobTable } from './job-table.ts';
import { defaultRetryPolicies } from './retry-policy.ts';
import type { RetryPolicy } from './retry-policy.ts';
import { QueueWorker } from './worker.ts';

const daySeconds = 86_400;

/** A claim without a heartbeat for this long is released to other processes. */
const heartbeatTimeoutSeconds = 15;
const reclaimIntervalMs = 5_000;

/** More than one tick of PGlite's millisecond clock. */
const clockTickMs = 2;

export type JobQueueDeps = Readonly<{
  database: Pick<Database, 'createBoss' | 'exclusive' | 'sql'>;
  /** Called for failed attempts and background errors. */
  onError: (error: unknown) => void;
  /** Reports outages of the queue and of each queue's handlers. @param what names the component, such as `Job queue` */
  outageCallbacks: (what: string) => OutageCallbacks;
  monotonicMs: () => number;
  /** While true, the worker of the queue takes one job per poll. Default: never. */
  shouldYield?: Partial<Record<QueueName, () => boolean>>;
  /** Uniform in [0, 1). */
  random?: () => number;
}>;

export type JobQueueOptions = Readonly<{
  /** Time limit for jobs in flight at shutdown. Default: 10,000. */
  graceMs?: number;
  /** Replace the default policies of these queues. */
  policies?: Partial<Record<QueueName, RetryPolicy>>;
}>;

export interface StoppableJobQueue extends JobQueue, AsyncDisposable {
  /** Stops claiming and waits for jobs in flight. Inserts still work. Disposal includes this. */
  stop(): Promise<void>;
}

/** Creates the queues on pg-boss and releases jobs of processes that died. */
export async function createJobQueue(
  deps: JobQueueDeps,
  options: JobQueueOptions = {},
): Promise<StoppableJobQueue> {
  const { database } = deps;
  const boss = database.createBoss();
  const outage = new OutageMonitor(deps.outageCallbacks('Job queue'), deps.monotonicMs);
  // The workers report outages.
  boss.on('error', (error) => {
    if (!outage.ongoing) deps.onError(error);
  });
  await boss.start();
  for (const queue of queueNames) await createQueues(boss, queue);
  const table = new JobTable(database);
  await table.setCompression();
  // Without other processes, every claim found at the start is stale.
  if (database.exclusive) await table.reclaim(queueNames);
  return new PgBossQueue({ ...deps, boss, table, outage }, options);
}

async function createQueues(boss: PgBoss, queue: QueueName): Promise<void> {
  const settings = {
    // The worker counts attempts: a job in pg-boss' state `failed` would block its key.
    retryLimit: 1_000_000,
    // For a handler that never returns; dead processes are detected by heartbeat.
    expireInSeconds: 12 * 3_600,
    // Window in which a repeated id is ignored.
    deleteAfterSeconds: 3 * daySeconds,
    retentionSeconds: 14 * daySeconds,
  };
  await boss.createQueue(queue, { ...settings, policy: 'key_strict_fifo' });
  // pg-boss' own heartbeat would count a missed one as a failed attempt.
  await boss.updateQueue(queue, { ...settings, heartbeatSeconds: null });
  await boss.createQueue(deadLetterQueueName(queue), { retentionSeconds: 90 * daySeconds });
}

type PgBossQueueDeps = JobQueueDeps & Readonly<{ boss: PgBoss; table: JobTable; outage: OutageMonitor }>;

class PgBossQueue implements StoppableJobQueue {
  readonly #deps: PgBossQueueDeps;
  readonly #policies: Readonly<Record<QueueName, RetryPolicy>>;
  readonly #graceMs: number;
  readonly #workers: { queue: QueueName; worker: QueueWorker }[] = [];
  readonly #reclaimTimer: NodeJS.Timeout | undefined;
  #lastInsert: Promise<unknown> = Promise.resolve();

  constructor(deps: PgBossQueueDeps, options: JobQueueOptions) {
    this.#deps = deps;
    this.#policies = { ...defaultRetryPolicies, ...options.policies };
    this.#graceMs = options.graceMs ?? 10_000;
    if (!deps.database.exclusive)
      this.#reclaimTimer = setInterval(() => void this.#reclaim(), reclaimIntervalMs).unref();
  }

  async insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
    for (const batch of splitByKey(jobs)) await this.#insertInOrder(queue, batch);
    this.#wake(queue);
  }

  async runNow(queue: QueueName, key: string): Promise<void> {
    await this.#deps.table.runNow(queue, key);
    this.#wake(queue);
  }

  async work(
    queue: QueueName,
    handler: JobHandler,
    onDeadLetter: DeadLetterHandler = async () => {},
  ): Promise<void> {
    const {
      boss,
      table,
      outage,
      outageCallbacks,
      monotonicMs,
      shouldYield,
      random = Math.random,
      onError,
    } = this.#deps;
    const worker = new QueueWorker({
      boss,
      table,
      queue,
      policy: this.#policies[queue],
      handler,
      onDeadLetter,
      shouldYield: shouldYield?.[queue] ?? (() => false),
      random,
      queueOutage: outage,
      jobsOutage: new OutageMonitor(outageCallbacks(`Job handlers (${queue})`), monotonicMs),
      onError,
    });
    this.#workers.push({ queue, worker });
  }

  async backlog(
    queue: QueueName,
    keyPrefix = '',
  ): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }>> {
    return await this.#deps.table.backlog(queue, keyPrefix);
  }

  async deadLetters(queue: QueueName, limit: number): Promise<readonly DeadLetter[]> {
    return await readDeadLetters(this.#deps.database.sql, queue, limit);
  }

  /** The new id derives from the old one, so that a replay interrupted by a crash is not executed twice. */
  async replay(queue: QueueName, id: string): Promise<boolean> {
    const deadLetter = await readDeadLetter(this.#deps.database.sql, queue, id);
    if (deadLetter === undefined) return false;
    await this.insert(queue, [{ id: deterministicUuid('replay', id), ...deadLetter }]);
    await this.#deps.boss.deleteJob(deadLetterQueueName(queue), id);
    return true;
  }

  async stop(): Promise<void> {
    clearInterval(this.#reclaimTimer);
    await Promise.all(this.#workers.map(({ worker }) => worker.stop(this.#graceMs)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#lastInsert;
    await this.#deps.boss.stop({ graceful: false });
  }

  #wake(queue: QueueName): void {
    for (const { queue: name, worker } of this.#workers) if (name === queue) worker.wake();
  }

  /** Sends heartbeats first: a process that was suspended must not reclaim its own jobs. */
  async #reclaim(): Promise<void> {
    await Promise.all(this.#workers.map(({ worker }) => worker.touch()));
    try {
      await this.#deps.table.reclaim(queueNames, heartbeatTimeoutSeconds);
    } catch (error) {
      if (!this.#deps.outage.ongoing) this.#deps.onError(error);
    }
  }

  /**
   * pg-boss orders the jobs of a key by insertion time, which has only millisecond resolution in PGlite. On a
   * server, callers await the first insert of a key before the second.
   */
  async #insertInOrder(queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
    if (!this.#deps.database.exclusive) {
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
      await this.#deps.table.insert(queue, jobs);
    } catch (error) {
      // The driver's error contains the parameters, which are personal data.
      const cause = new Error(`${queue}: ${error instanceof Error ? error.message : 'unknown error'}`);
      throw databaseError(getSqlState(error) ?? '', cause);
    }
  }
}

/** Jobs of one statement share their insertion time, so the second job of a key goes into the next statement. */
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
