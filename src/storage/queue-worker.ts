import { setTimeout as delay } from 'node:timers/promises';
import type { JobAttempt, JobWithMetadata, PgBoss } from 'pg-boss';
import { UnprocessableError } from '../domain/unprocessable-error.ts';
import type { Outage } from '../lib/outage.ts';
import type { BuriedHandler, Job, JobHandler, QueueName } from '../marketplace/ports.ts';
import { isOutage } from './database-trouble.ts';
import { deadLetterQueueOf } from './queue-rules.ts';
import type { QueueRules } from './queue-rules.ts';

/** Finds what other processes inserted and retries that came due; own inserts wake the worker at once. */
const pollIntervalMs = 250;
const pollInOutageMs = { shortest: pollIntervalMs, longest: 5_000 };
const retryInOutageMs = { shortest: 1_000, longest: 60_000 };

/** Well inside the queue's heartbeat, so that a busy event loop does not cost a job its claim. */
const touchIntervalMs = 4_000;

export type QueueWorkerOptions = Readonly<{
  boss: PgBoss;
  queue: QueueName;
  rules: QueueRules;
  handler: JobHandler;
  /** Told of a job that failed for good, once it is among the dead letters. */
  onBuried: BuriedHandler;
  /** Makes a claimed job wait without counting the attempt. */
  putBack: (attempt: JobAttempt, delayMs: number) => Promise<void>;
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
  readonly #inHand = new Map<string, Readonly<{ job: JobWithMetadata<unknown>; done: Promise<void> }>>();
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
    this.#touching = setInterval(() => void this.#touch(), touchIntervalMs);
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
    const { boss, queue, rules } = this.#options;
    const free = rules.concurrency - this.#inHand.size;
    if (free <= 0) return;
    const jobs = await boss.fetch<unknown>(queue, { batchSize: free, includeMetadata: true });
    for (const job of jobs) {
      const done = this.#work(job).finally(() => this.wake());
      this.#inHand.set(job.id, { job, done });
    }
  }

  async #pause(pauseMs: number): Promise<void> {
    if (this.#woken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pauseMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Never rejects. */
  async #work(fetched: JobWithMetadata<unknown>): Promise<void> {
    const { rules, handler, jobsOutage } = this.#options;
    const { id, retryCount } = fetched;
    const job: Job = { id, key: fetched.singletonKey ?? '', data: fetched.data, attempt: retryCount + 1 };
    try {
      if (job.attempt > rules.maxAttempts) throw new Error('The process ended during the last attempt');
      await handler(job);
      jobsOutage.over();
      this.#finished.push({ id, retryCount });
    } catch (error) {
      this.#verdicts.push({ jobId: id, write: this.#verdictOn(job, error) });
    }
  }

  /** A job is not to blame for a database that is away, and waits for it as long as the queue keeps jobs. */
  #verdictOn(job: Job, failure: unknown): () => Promise<void> {
    const { boss, queue, rules, putBack, jobsOutage, onError } = this.#options;
    const attempt = { id: job.id, retryCount: job.attempt - 1 };
    if (isOutage(failure)) {
      const delayMs = jobsOutage.felt(failure, retryInOutageMs);
      return () => putBack(attempt, delayMs);
    }
    onError(failure);
    if (failure instanceof UnprocessableError || job.attempt >= rules.maxAttempts)
      return () => this.#bury(job, failure);
    return () => boss.fail(queue, attempt, reasonOf(failure)).then(() => undefined);
  }

  /** pg-boss' own dead lettering leaves a failed job behind that would hold up its key for ever. */
  async #bury(job: Job, error: unknown): Promise<void> {
    const { boss, queue, onBuried, onError } = this.#options;
    const reason = reasonOf(error);
    await boss.insert(deadLetterQueueOf(queue), [
      { id: job.id, data: { key: job.key, data: job.data, attempts: job.attempt, reason } },
    ]);
    await boss.complete(queue, { id: job.id, retryCount: job.attempt - 1 }, { buried: true, reason });
    await onBuried(job, error).catch(onError);
  }

  async #touch(): Promise<void> {
    const claims = [...this.#inHand.values()].map(({ job: { id, retryCount } }) => ({ id, retryCount }));
    if (claims.length === 0) return;
    try {
      await this.#options.boss.touch(this.#options.queue, claims);
    } catch (error) {
      this.#options.queueOutage.felt(error, pollInOutageMs);
    }
  }
}

function reasonOf(error: unknown): Readonly<{ name: string; message: string }> {
  if (!(error instanceof Error)) return { name: 'Error', message: 'Unknown' };
  // Postgres has no NUL in its texts.
  const message = error.message.slice(0, 500).replaceAll('\0', '\ufffd').toWellFormed();
  return { name: error.name, message };
}
