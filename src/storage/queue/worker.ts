import { setTimeout as delay } from 'node:timers/promises';
import type { JobAttempt, PgBoss } from 'pg-boss';
import { RetryLaterError, PermanentJobError } from '../../domain/errors/job-errors.ts';
import { equalJitter, exponentialBackoff } from '../../lib/async/backoff.ts';
import type { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import { isOutage } from '../database/errors.ts';
import type { ClaimedJob, JobTable } from './job-table.ts';
import { deadLetterQueueName } from './dead-letters.ts';
import type { RetryPolicy } from './retry-policy.ts';
import type { QueueName } from '../../domain/queue-names.ts';
import type { DeadLetterHandler, Job, JobHandler } from '../../ports/job-queue.ts';

/** Finds what other processes inserted and retries that came due; own inserts wake the worker at once. */
const pollIntervalMs = 250;
const pollBackoff = { minMs: pollIntervalMs, maxMs: 5_000 };
const retryBackoff = { minMs: 1_000, maxMs: 60_000 };

/** A fraction of the silence that costs a claim, so that a busy event loop does not. */
const heartbeatIntervalMs = 4_000;

export type QueueWorkerOptions = Readonly<{
  boss: Pick<PgBoss, 'complete' | 'insert' | 'touch'>;
  table: Pick<JobTable, 'claim' | 'reschedule'>;
  queue: QueueName;
  policy: RetryPolicy;
  handler: JobHandler;
  /** Told of a job that failed for good, once it is among the dead letters. */
  onDeadLetter: DeadLetterHandler;
  /** While it says so, one job is looked for at each poll and no more: something more urgent needs the machine. */
  shouldYield: () => boolean;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Of the queue itself, which all workers share. */
  queueOutage: OutageMonitor;
  /** Of what the jobs of this queue need. */
  jobsOutage: OutageMonitor;
  /** Every failed attempt that counts. */
  onError: (error: unknown) => void;
}>;

/** What is still to be written of a job that did not succeed. */
type Settlement = Readonly<{ jobId: string; write: () => Promise<void> }>;

/**
 * Takes jobs as long as it has hands free and settles each by itself. pg-boss' own loop settles a batch at once and pauses
 * between batches, which would make the jobs of one key wait for strangers and for the clock.
 */
export class QueueWorker {
  readonly #options: QueueWorkerOptions;
  readonly #inFlight = new Map<string, Readonly<{ claim: JobAttempt; done: Promise<void> }>>();
  /** Done, but not yet recorded so; one statement records them together. */
  #finished: JobAttempt[] = [];
  #settlements: Settlement[] = [];
  readonly #heartbeatTimer: NodeJS.Timeout;
  readonly #loop: Promise<void>;
  #wakeUp: () => void = () => {};
  #woken = false;
  #stopping = false;

  constructor(options: QueueWorkerOptions) {
    this.#options = options;
    this.#heartbeatTimer = setInterval(() => void this.touch(), heartbeatIntervalMs);
    this.#heartbeatTimer.unref();
    this.#loop = this.#run();
  }

  /** Looks for jobs now. */
  wake(): void {
    this.#woken = true;
    this.#wakeUp();
  }

  /** Takes no more jobs and waits for those in hand, `graceMs` at most; what is left then is claimed again by its heartbeat. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.wake();
    await this.#loop;
    const graceTimeout = new AbortController();
    const inFlight = Promise.allSettled([...this.#inFlight.values()].map(({ done }) => done));
    await Promise.race([inFlight, delay(graceMs, undefined, { signal: graceTimeout.signal, ref: false })]);
    graceTimeout.abort();
    await this.#settle().catch(this.#options.onError);
    clearInterval(this.#heartbeatTimer);
  }

  async #run(): Promise<void> {
    const { queueOutage } = this.#options;
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

  /** What cannot be written stays for the next time. */
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
      await this.#options.boss.complete(this.#options.queue, finished);
    } catch (error) {
      this.#finished.push(...finished);
      throw error;
    }
    for (const { id } of finished) this.#inFlight.delete(id);
  }

  async #fetch(): Promise<void> {
    const { table, queue, policy, shouldYield } = this.#options;
    const freeSlots = (shouldYield() ? 1 : policy.concurrency) - this.#inFlight.size;
    if (freeSlots <= 0) return;
    for (const claimed of await table.claim(queue, freeSlots)) {
      const done = this.#work(claimed).finally(() => this.wake());
      this.#inFlight.set(claimed.claim.id, { claim: toJobAttempt(claimed), done });
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const { shouldYield } = this.#options;
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
    const { policy, handler, jobsOutage } = this.#options;
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

  /** A job is not to blame for a database that is away, and waits for it as long as the queue keeps jobs. */
  #settlementFor(claimed: ClaimedJob, failure: unknown): () => Promise<void> {
    const { table, queue, policy, jobsOutage, onError, random } = this.#options;
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

  /** A job that failed for good does not stay in the queue, where it would hold up its key. */
  async #deadLetter(claimed: ClaimedJob, attempt: number, error: unknown): Promise<void> {
    const { boss, queue, onDeadLetter, onError } = this.#options;
    const { key, data, claim } = claimed;
    const reason = serializeError(error);
    await boss.insert(deadLetterQueueName(queue), [
      { id: claim.id, data: { key, data, attempts: attempt, reason } },
    ]);
    await boss.complete(queue, toJobAttempt(claimed), { buried: true, reason });
    const job: Job = { id: claim.id, key, data, attempt };
    await onDeadLetter(job, error).catch(onError);
  }

  /** Tells the database that the claims are still held. Never rejects. */
  async touch(): Promise<void> {
    const claims = [...this.#inFlight.values()].map(({ claim }) => claim);
    if (claims.length === 0) return;
    try {
      await this.#options.boss.touch(this.#options.queue, claims);
    } catch (error) {
      this.#options.queueOutage.failure(error, pollBackoff);
    }
  }
}

/** pg-boss counts attempts by the claims. */
function toJobAttempt({ claim }: ClaimedJob): JobAttempt {
  return { id: claim.id, retryCount: claim.number };
}

function serializeError(error: unknown): Readonly<{ name: string; message: string }> {
  if (!(error instanceof Error)) return { name: 'Error', message: 'Unknown' };
  // Postgres has no NUL in its texts.
  const message = error.message.slice(0, 500).replaceAll('\0', '\ufffd').toWellFormed();
  return { name: error.name, message };
}
