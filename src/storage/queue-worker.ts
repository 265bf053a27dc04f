import { setTimeout as delay } from 'node:timers/promises';
import type { JobAttempt, JobWithMetadata, PgBoss } from 'pg-boss';
import type { Job, QueueName } from '../marketplace/ports.ts';
import { deadLetterQueueOf } from './queue-rules.ts';
import type { QueueRules } from './queue-rules.ts';

/** Finds what other processes inserted and retries that came due; own inserts wake the worker at once. */
const pollIntervalMs = 250;

/** Well inside the queue's heartbeat, so that a busy event loop does not cost a job its claim. */
const touchIntervalMs = 4_000;

export type QueueWorkerOptions = Readonly<{
  boss: PgBoss;
  queue: QueueName;
  rules: QueueRules;
  handler: (job: Job) => Promise<void>;
  onError: (error: unknown) => void;
}>;

/**
 * Takes jobs as long as it has hands free and settles each by itself. pg-boss' own loop settles a batch at once and pauses
 * between batches, which would make the jobs of one key wait for strangers and for the clock.
 */
export class QueueWorker {
  readonly #options: QueueWorkerOptions;
  readonly #inHand = new Map<string, Readonly<{ job: JobWithMetadata<unknown>; done: Promise<void> }>>();
  /** Done, but not yet recorded so; one statement records them together. */
  #finished: JobAttempt[] = [];
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
    while (!this.#stopping) {
      this.#woken = false;
      try {
        await this.#settle();
        await this.#fetch();
      } catch (error) {
        this.#options.onError(error);
      }
      await this.#pause();
    }
  }

  async #settle(): Promise<void> {
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

  async #pause(): Promise<void> {
    if (this.#woken) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pollIntervalMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Never rejects. */
  async #work(fetched: JobWithMetadata<unknown>): Promise<void> {
    const { rules, handler } = this.#options;
    const { id, retryCount } = fetched;
    const job: Job = { id, key: fetched.singletonKey ?? '', data: fetched.data, attempt: retryCount + 1 };
    try {
      if (job.attempt > rules.maxAttempts) throw new Error('The process ended during the last attempt');
      await handler(job);
      this.#finished.push({ id, retryCount });
    } catch (error) {
      await this.#giveBack(job, error);
    }
  }

  async #giveBack(job: Job, failure: unknown): Promise<void> {
    const { boss, queue, rules, onError } = this.#options;
    onError(failure);
    try {
      if (job.attempt >= rules.maxAttempts) await this.#bury(job, failure);
      else await boss.fail(queue, { id: job.id, retryCount: job.attempt - 1 }, reasonOf(failure));
    } catch (error) {
      // Without a heartbeat the job is claimed again.
      onError(error);
    } finally {
      this.#inHand.delete(job.id);
    }
  }

  /** pg-boss' own dead lettering leaves a failed job behind that would hold up its key for ever. */
  async #bury(job: Job, error: unknown): Promise<void> {
    const { boss, queue } = this.#options;
    const reason = reasonOf(error);
    await boss.insert(deadLetterQueueOf(queue), [
      { id: job.id, data: { key: job.key, data: job.data, attempts: job.attempt, reason } },
    ]);
    await boss.complete(queue, { id: job.id, retryCount: job.attempt - 1 }, { buried: true, reason });
  }

  async #touch(): Promise<void> {
    const claims = [...this.#inHand.values()].map(({ job: { id, retryCount } }) => ({ id, retryCount }));
    if (claims.length === 0) return;
    try {
      await this.#options.boss.touch(this.#options.queue, claims);
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

function reasonOf(error: unknown): Readonly<{ name: string; message: string }> {
  if (!(error instanceof Error)) return { name: 'Error', message: 'Unknown' };
  // Postgres has no NUL in its texts.
  const message = error.message.slice(0, 500).replaceAll('\0', '\ufffd').toWellFormed();
  return { name: error.name, message };
}
