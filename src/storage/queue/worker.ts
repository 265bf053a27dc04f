import { setTimeout as delay } from 'node:timers/promises';
import type { JobAttempt, PgBoss } from 'pg-boss';
import { PostponedError } from '../../domain/errors/job-errors.ts';
import { UnprocessableError } from '../../domain/errors/unprocessable-error.ts';
import type { Outage } from '../../lib/async/outage-monitor.ts';
import type { BuriedHandler, Job, JobHandler, QueueName } from '../../ports/ports.ts';
import { isOutage } from '../database/errors.ts';
import type { ClaimedJob, JobTable } from './job-table.ts';
import { deadLetterQueueOf, retryDelayMs } from './retry-policy.ts';
import type { QueueRules } from './retry-policy.ts';

/** Finds what other processes inserted and retries that came due; own inserts wake the worker at once. */
const pollIntervalMs = 250;
const pollInOutageMs = { shortest: pollIntervalMs, longest: 5_000 };
const retryInOutageMs = { shortest: 1_000, longest: 60_000 };

/** A fraction of the silence that costs a claim, so that a busy event loop does not. */
const touchIntervalMs = 4_000;

export type QueueWorkerOptions = Readonly<{
  boss: Pick<PgBoss, 'complete' | 'insert' | 'touch'>;
  table: Pick<JobTable, 'claim' | 'putBack'>;
  queue: QueueName;
  rules: QueueRules;
  handler: JobHandler;
  /** Told of a job that failed for good, once it is among the dead letters. */
  onBuried: BuriedHandler;
  /** While it says so, one job is looked for at each poll and no more: something more urgent needs the machine. */
  yields: () => boolean;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Of the queue itself, which all workers share. */
  queueOutage: Outage;
  /** Of what the jobs of this queue need. */
  jobsOutage: Outage;
  /** Every failed attempt that counts. */
  onError: (error: unknown) => void;
}>;

/** What is still to be written of a job that did not succeed. */
type Verdict = Readonly<{ jobId: string; write: () => Promise<void> }>;

/**
 * Takes jobs as long as it has hands free and settles each by itself. pg-boss' own loop settles a batch at once and pauses
 * between batches, which would make the jobs of one key wait for strangers and for the clock.
 */
export class QueueWorker {
  readonly #options: QueueWorkerOptions;
  readonly #inHand = new Map<string, Readonly<{ claim: JobAttempt; done: Promise<void> }>>();
  /** Done, but not yet recorded so; one statement records them together. */
  #finished: JobAttempt[] = [];
  #verdicts: Verdict[] = [];
  readonly #touching: NodeJS.Timeout;
  readonly #loop: Promise<void>;
  #wakeUp: () => void = () => {};
  #woken = false;
  #stopping = false;

  constructor(options: QueueWorkerOptions) {
    this.#options = options;
    this.#touching = setInterval(() => void this.touch(), touchIntervalMs);
    this.#touching.unref();
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
    const patience = new AbortController();
    const inHand = Promise.allSettled([...this.#inHand.values()].map(({ done }) => done));
    await Promise.race([inHand, delay(graceMs, undefined, { signal: patience.signal, ref: false })]);
    patience.abort();
    await this.#settle().catch(this.#options.onError);
    clearInterval(this.#touching);
  }

  async #run(): Promise<void> {
    const { queueOutage } = this.#options;
    while (!this.#stopping) {
      this.#woken = false;
      let pauseMs = pollIntervalMs;
      try {
        await this.#settle();
        await this.#fetch();
        queueOutage.over();
      } catch (error) {
        pauseMs = queueOutage.felt(error, pollInOutageMs);
      }
      await this.#pause(pauseMs);
    }
  }

  /** What cannot be written stays for the next time. */
  async #settle(): Promise<void> {
    const verdicts = this.#verdicts;
    this.#verdicts = [];
    const failures: unknown[] = [];
    for (const verdict of verdicts) {
      try {
        await verdict.write();
        this.#inHand.delete(verdict.jobId);
      } catch (error) {
        this.#verdicts.push(verdict);
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
    for (const { id } of finished) this.#inHand.delete(id);
  }

  async #fetch(): Promise<void> {
    const { table, queue, rules, yields } = this.#options;
    const free = (yields() ? 1 : rules.concurrency) - this.#inHand.size;
    if (free <= 0) return;
    for (const claimed of await table.claim(queue, free)) {
      const done = this.#work(claimed).finally(() => this.wake());
      this.#inHand.set(claimed.claim.id, { claim: attemptOf(claimed), done });
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    const { yields } = this.#options;
    if (this.#woken && !yields()) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wakeUp = () => {
        if (yields() && !this.#stopping) return;
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Never rejects. */
  async #work(claimed: ClaimedJob): Promise<void> {
    const { rules, handler, jobsOutage } = this.#options;
    const { claim, key, data, attempts } = claimed;
    try {
      if (attempts.interruptions >= rules.maxInterruptions)
        throw new Error('The process ended again and again with this job in hand');
      await handler({ id: claim.id, key, data, attempt: attempts.failures + 1 });
      jobsOutage.over();
      this.#finished.push(attemptOf(claimed));
    } catch (error) {
      this.#verdicts.push({ jobId: claim.id, write: this.#verdictOn(claimed, error) });
    }
  }

  /** A job is not to blame for a database that is away, and waits for it as long as the queue keeps jobs. */
  #verdictOn(claimed: ClaimedJob, failure: unknown): () => Promise<void> {
    const { table, queue, rules, jobsOutage, onError, random } = this.#options;
    const { claim, attempts, ageSeconds } = claimed;
    if (isOutage(failure)) {
      const delayMs = jobsOutage.felt(failure, retryInOutageMs);
      return () => table.putBack(queue, claim, delayMs, attempts);
    }
    const postponed = failure instanceof PostponedError ? failure : undefined;
    if (postponed?.ages === true) jobsOutage.over();
    const isTooOld = postponed?.ages !== false && ageSeconds >= (rules.maxAgeSeconds ?? Infinity);
    if (postponed?.counts === false && !isTooOld)
      return () => table.putBack(queue, claim, postponed.delayMs, attempts);
    if (postponed === undefined) onError(failure);
    const failures = attempts.failures + (postponed?.counts === false ? 0 : 1);
    const isHopeless =
      failure instanceof UnprocessableError || attempts.interruptions >= rules.maxInterruptions || isTooOld;
    if (isHopeless || failures >= rules.maxAttempts) return () => this.#bury(claimed, failures, failure);
    const delayMs = Math.max(retryDelayMs(rules, failures, random), postponed?.delayMs ?? 0);
    return () => table.putBack(queue, claim, delayMs, { ...attempts, failures, reason: reasonOf(failure) });
  }

  /** A job that failed for good does not stay in the queue, where it would hold up its key. */
  async #bury(claimed: ClaimedJob, attempt: number, error: unknown): Promise<void> {
    const { boss, queue, onBuried, onError } = this.#options;
    const { key, data, claim } = claimed;
    const reason = reasonOf(error);
    await boss.insert(deadLetterQueueOf(queue), [
      { id: claim.id, data: { key, data, attempts: attempt, reason } },
    ]);
    await boss.complete(queue, attemptOf(claimed), { buried: true, reason });
    const job: Job = { id: claim.id, key, data, attempt };
    await onBuried(job, error).catch(onError);
  }

  /** Tells the database that the claims are still held. Never rejects. */
  async touch(): Promise<void> {
    const claims = [...this.#inHand.values()].map(({ claim }) => claim);
    if (claims.length === 0) return;
    try {
      await this.#options.boss.touch(this.#options.queue, claims);
    } catch (error) {
      this.#options.queueOutage.felt(error, pollInOutageMs);
    }
  }
}

/** pg-boss counts attempts by the claims. */
function attemptOf({ claim }: ClaimedJob): JobAttempt {
  return { id: claim.id, retryCount: claim.number };
}

function reasonOf(error: unknown): Readonly<{ name: string; message: string }> {
  if (!(error instanceof Error)) return { name: 'Error', message: 'Unknown' };
  // Postgres has no NUL in its texts.
  const message = error.message.slice(0, 500).replaceAll('\0', '\ufffd').toWellFormed();
  return { name: error.name, message };
}
