import { setTimeout as delay } from 'node:timers/promises';
import type { JobAttempt, PgBoss } from 'pg-boss';
import { RetryLaterError, PermanentJobError } from '../../domain/errors/job-errors.ts';
import type { QueueName } from '../../domain/queue-names.ts';
import { equalJitter, exponentialBackoff } from '../../lib/async/backoff.ts';
import type { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import type { DeadLetterHandler, Job, JobHandler } from '../../ports/job-queue.ts';
import { isOutage } from '../database/errors.ts';
import { deadLetterQueueName } from './dead-letters.ts';
import type { ClaimedJob, JobTable } from './job-table.ts';
import type { RetryPolicy } from './retry-policy.ts';

/** For inserts of other processes and due retries; local inserts wake the worker. */
const pollIntervalMs = 250;
const pollBackoff = { minMs: pollIntervalMs, maxMs: 5_000 };
const retryBackoff = { minMs: 1_000, maxMs: 60_000 };

/** A fraction of `heartbeatTimeoutSeconds`, so that a blocked event loop does not lose claims. */
const heartbeatIntervalMs = 4_000;

export type QueueWorkerDeps = Readonly<{
  boss: Pick<PgBoss, 'complete' | 'insert' | 'touch'>;
  table: Pick<JobTable, 'claim' | 'reschedule'>;
  queue: QueueName;
  policy: RetryPolicy;
  handler: JobHandler;
  /** Called after a job has been dead-lettered. */
  onDeadLetter: DeadLetterHandler;
  /** While true, the worker takes one job per poll to leave capacity for more urgent work. */
  shouldYield: () => boolean;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Outages of the queue itself; shared by all workers. */
  queueOutage: OutageMonitor;
  /** Outages of what the handler depends on. */
  jobsOutage: OutageMonitor;
  /** Called for each failed attempt that counts. */
  onError: (error: unknown) => void;
}>;

/** Pending write of a job that did not succeed. */
type Settlement = Readonly<{ jobId: string; write: () => Promise<void> }>;

/**
 * Claims jobs into free slots and settles each one separately. pg-boss' own worker settles whole batches and sleeps between
 * them, which would delay a key behind unrelated jobs.
 */
export class QueueWorker {
  readonly #deps: QueueWorkerDeps;
  readonly #inFlight = new Map<string, Readonly<{ claim: JobAttempt; done: Promise<void> }>>();
  /** Succeeded jobs that are not completed in the database yet; one statement completes them all. */
  #finished: JobAttempt[] = [];
  #settlements: Settlement[] = [];
  readonly #heartbeatTimer: NodeJS.Timeout;
  readonly #loop: Promise<void>;
  #wakeUp: () => void = () => {};
  #woken = false;
  #stopping = false;

  constructor(deps: QueueWorkerDeps) {
    this.#deps = deps;
    this.#heartbeatTimer = setInterval(() => void this.touch(), heartbeatIntervalMs);
    this.#heartbeatTimer.unref();
    this.#loop = this.#run();
  }

  /** Polls now. */
  wake(): void {
    this.#woken = true;
    this.#wakeUp();
  }

  /** Stops claiming and waits up to `graceMs` for jobs in flight; the rest is reclaimed after its heartbeat timeout. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#loop;
    const graceTimeout = new AbortController();
    const inFlight = Promise.allSettled([...this.#inFlight.values()].map(({ done }) => done));
    await Promise.race([inFlight, delay(graceMs, undefined, { signal: graceTimeout.signal, ref: false })]);
    graceTimeout.abort();
    await this.#settle().catch(this.#deps.onError);
    clearInterval(this.#heartbeatTimer);
  }

  async #run(): Promise<void> {
    const { queueOutage } = this.#deps;
    while (!this.#stopping) {
      this.#woken = false;
      let pauseMs = pollIntervalMs;
      try {
        await this.#settle();
        await this.#fetch();
        queueOutage.success();
      } catch (error) {
        pauseMs = queueOutage.failure(error, pollBackoff);
      }
      await this.#pause(pauseMs);
    }
  }

  /** Failed writes stay pending. */
  async #settle(): Promise<void> {
    const settlements = this.#settlements;
    this.#settlements = [];
    const failures: unknown[] = [];
    for (const settlement of settlements) {
      try {
        await settlement.write();
        this.#inFlight.delete(settlement.jobId);
      } catch (error) {
        this.#settlements.push(settlement);
        failures.push(error);
      }
    }
    await this.#complete();
    if (failures.length > 0) throw failures[0];
  }

  async #complete(): Promise<void> {
    const finished = this.#finished;
    if (finished.length === 0) return;
    this.#finished = [];
    try {
      await this.#deps.boss.complete(this.#deps.queue, finished);
    } catch (error) {
      this.#finished.push(...finished);
      throw error;
    }
    for (const { id } of finished) this.#inFlight.delete(id);
  }

  async #fetch(): Promise<void> {
    const { table, queue, policy, shouldYield } = this.#deps;
    const freeSlots = (shouldYield() ? 1 : policy.concurrency) - this.#inFlight.size;
    if (freeSlots <= 0) return;
    for (const claimed of await table.claim(queue, freeSlots)) {
      const done = this.#work(claimed).finally(() => this.wake());
      this.#inFlight.set(claimed.claim.id, { claim: toJobAttempt(claimed), done });
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const { shouldYield } = this.#deps;
    if (this.#woken && !shouldYield()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wakeUp = () => {
        if (shouldYield() && !this.#stopping) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Never rejects. */
  async #work(claimed: ClaimedJob): Promise<void> {
    const { policy, handler, jobsOutage } = this.#deps;
    const { claim, key, data, attempts } = claimed;
    try {
      if (attempts.interruptions >= policy.maxInterruptions)
        throw new Error('Job was interrupted by too many process exits');
      await handler({ id: claim.id, key, data, attempt: attempts.failures + 1 });
      jobsOutage.success();
      this.#finished.push(toJobAttempt(claimed));
    } catch (error) {
      this.#settlements.push({ jobId: claim.id, write: this.#settlementFor(claimed, error) });
    }
  }

  /** A database outage does not count as a failed attempt. */
  #settlementFor(claimed: ClaimedJob, failure: unknown): () => Promise<void> {
    const { table, queue, policy, jobsOutage, onError, random } = this.#deps;
    const { claim, attempts, ageSeconds } = claimed;
    if (isOutage(failure)) {
      const delayMs = jobsOutage.failure(failure, retryBackoff);
      return () => table.reschedule(queue, claim, delayMs, attempts);
    }
    const retryLater = failure instanceof RetryLaterError ? failure : undefined;
    if (retryLater?.expires === true) jobsOutage.success();
    const isExpired = retryLater?.expires !== false && ageSeconds >= (policy.maxAgeSeconds ?? Infinity);
    if (retryLater?.countsAsAttempt === false && !isExpired)
      return () => table.reschedule(queue, claim, retryLater.delayMs, attempts);
    if (retryLater === undefined) onError(failure);
    const failures = attempts.failures + (retryLater?.countsAsAttempt === false ? 0 : 1);
    const isPermanent =
      failure instanceof PermanentJobError || attempts.interruptions >= policy.maxInterruptions || isExpired;
    if (isPermanent || failures >= policy.maxAttempts)
      return () => this.#deadLetter(claimed, failures, failure);
    const backoffMs = exponentialBackoff(failures, { ...policy.backoff, jitter: equalJitter(random) });
    const delayMs = Math.max(backoffMs, retryLater?.delayMs ?? 0);
    return () =>
      table.reschedule(queue, claim, delayMs, { ...attempts, failures, reason: serializeError(failure) });
  }

  /** Completes the job as well: a failed one would block its key. */
  async #deadLetter(claimed: ClaimedJob, attempt: number, error: unknown): Promise<void> {
    const { boss, queue, onDeadLetter, onError } = this.#deps;
    const { key, data, claim } = claimed;
    const reason = serializeError(error);
    await boss.insert(deadLetterQueueName(queue), [
      { id: claim.id, data: { key, data, attempts: attempt, reason } },
    ]);
    await boss.complete(queue, toJobAttempt(claimed), { deadLettered: true, reason });
    const job: Job = { id: claim.id, key, data, attempt };
    await onDeadLetter(job, error).catch(onError);
  }

  /** Sends a heartbeat for all claims. Never rejects. */
  async touch(): Promise<void> {
    const claims = [...this.#inFlight.values()].map(({ claim }) => claim);
    if (claims.length === 0) return;
    try {
      await this.#deps.boss.touch(this.#deps.queue, claims);
    } catch (error) {
      this.#deps.queueOutage.failure(error, pollBackoff);
    }
  }
}

/** pg-boss' retry count equals the claim number. */
function toJobAttempt({ claim }: ClaimedJob): JobAttempt {
  return { id: claim.id, retryCount: claim.number };
}

function serializeError(error: unknown): Readonly<{ name: string; message: string }> {
  if (!(error instanceof Error)) return { name: 'Error', message: 'Unknown' };
  // jsonb rejects NUL and lone surrogates.
  const message = error.message.slice(0, 500).replaceAll('\0', '\ufffd').toWellFormed();
  return { name: error.name, message };
}
