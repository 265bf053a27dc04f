import { EventEmitter } from 'node:events';
import Joi from 'joi';
import { AppError } from '../domain/errors/app-error.ts';
import { OutageMonitor } from '../lib/async/outage-monitor.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { JobQueue, NewJob } from '../ports/job-queue.ts';
import type { Spool } from './spool.ts';

export type WebhookWriterDeps = Readonly<{
  queue: Pick<JobQueue, 'insert'>;
  spool: Spool;
  report: BusinessEvents;
  monotonicMs: () => number;
}>;

export type WebhookWriterOptions = Readonly<{
  /** Time limit of a database insert, after which the webhooks are spooled. Default: 1,500. */
  insertTimeoutMs?: number;
}>;

type WebhookWriterEvents = {
  /** The spool is empty and the database accepts inserts again. */
  drained: [];
};

const drainBatchSize = 500;
/** Spooled bytes that drain fast enough for writers to wait for them. */
const finalDrainMaxBytes = 256 * 1024;
const retryBackoff = { minMs: 250, maxMs: 5_000 };
const retryAfterSeconds = 5;

const spooledJob = Joi.object<{ id?: string; key: string; data: Readonly<Record<string, unknown>> }>({
  id: Joi.string(),
  key: Joi.string().required(),
  data: Joi.object().unknown().required(),
});

/**
 * Makes webhooks durable in the database, or in the spool while the database is slow or down. The spool is drained before
 * new webhooks are inserted directly, which keeps their order.
 */
export class WebhookWriter extends EventEmitter<WebhookWriterEvents> implements AsyncDisposable {
  readonly #deps: WebhookWriterDeps;
  readonly #insertTimeoutMs: number;
  readonly #outage: OutageMonitor;
  #draining: Promise<void> | undefined;
  /** Pending while the rest of the spool is drained; also resolves if that fails. */
  #finalDrain: PromiseWithResolvers<void> | undefined;
  #wakeUp: () => void = () => {};
  #hasRejected = false;
  #stopped = false;

  constructor(deps: WebhookWriterDeps, options: WebhookWriterOptions = {}) {
    super();
    const { report, monotonicMs } = deps;
    this.#deps = deps;
    this.#insertTimeoutMs = options.insertTimeoutMs ?? 1_500;
    this.#outage = new OutageMonitor(report.outageCallbacks('Webhook inbox'), monotonicMs);
  }

  /** Drains the spool of earlier processes. */
  start(): void {
    if (!this.#deps.spool.isEmpty) this.#drain();
  }

  /**
   * Durable when it resolves. Await the earlier jobs of a key before writing more of it.
   * @throws AppError `DB_ERROR` if neither database nor spool accepts the jobs
   */
  async write(jobs: readonly NewJob[]): Promise<'stored' | 'spooled'> {
    const { spool, report, monotonicMs } = this.#deps;
    // Under steady load the spool would never become empty if new webhooks were appended to its rest.
    const deadlineMs = monotonicMs() + this.#insertTimeoutMs;
    if (this.#finalDrain !== undefined) await withTimeout(this.#finalDrain.promise, this.#insertTimeoutMs);
    if (spool.isEmpty && (await this.#tryInsert(jobs, deadlineMs - monotonicMs()))) return 'stored';
    try {
      await spool.append(jobs);
    } catch (cause) {
      report.webhooksRefused(jobs.length, cause);
      throw new AppError('DB_ERROR', { cause, retryAfterSeconds });
    }
    this.#drain();
    return 'spooled';
  }

  /** A webhook was rejected: the next recovery emits `drained`, which requests a reconciliation. */
  markRejected(cause: unknown): void {
    this.#hasRejected = true;
    this.#deps.report.webhooksRefused(1, cause);
  }

  /** Stops draining; spooled webhooks stay for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#wakeUp();
    await this.#draining;
  }

  /** A late success is harmless: the spooled copy has the same ids. @returns false if not inserted in time */
  async #tryInsert(jobs: readonly NewJob[], timeoutMs: number): Promise<boolean> {
    try {
      const inserted = this.#deps.queue.insert('webhooks', jobs).then(() => true);
      if ((await withTimeout(inserted, timeoutMs)) === true) {
        this.#handleRecovery();
        return true;
      }
      this.#outage.failure(new Error('Database insert timed out'), retryBackoff);
    } catch (error) {
      // Spooled too: draining inserts the jobs one by one and sets the invalid ones aside.
      if (isDataError(error)) return false;
      this.#outage.failure(error, retryBackoff);
    }
    return false;
  }

  /** Emits `drained` after an outage or a rejection, so that missed changes are reconciled. */
  #handleRecovery(): void {
    if (!this.#outage.ongoing && !this.#hasRejected) return;
    this.#hasRejected = false;
    this.#outage.success();
    this.emit('drained');
  }

  #drain(): void {
    this.#draining ??= this.#drainAll().finally(() => {
      this.#draining = undefined;
      if (!this.#stopped && !this.#deps.spool.isEmpty) this.#drain();
    });
  }

  async #drainAll(): Promise<void> {
    const { spool } = this.#deps;
    let hasProgress = false;
    while (!this.#stopped && !spool.isEmpty) {
      if (hasProgress && spool.bytes <= finalDrainMaxBytes) this.#finalDrain ??= Promise.withResolvers();
      try {
        const segment = await spool.oldest();
        if (segment === undefined) break;
        const rejectedCount = await this.#insertSegment(segment.records);
        await spool.remove({ ...segment, damagedLines: segment.damagedLines + rejectedCount });
        hasProgress = true;
      } catch (error) {
        hasProgress = false;
        this.#releaseWriters();
        await this.#pause(this.#outage.failure(error, retryBackoff));
      }
    }
    this.#releaseWriters();
    if (!spool.isEmpty) return;
    this.#outage.success();
    this.emit('drained');
  }

  #releaseWriters(): void {
    this.#finalDrain?.resolve();
    this.#finalDrain = undefined;
  }

  /** @returns the number of records that the database rejects as invalid */
  async #insertSegment(records: readonly unknown[]): Promise<number> {
    const jobs = records.flatMap((record): NewJob[] => {
      const checked = spooledJob.validate(record);
      if (checked.error !== undefined) return [];
      const { id, ...job } = checked.value;
      return [{ ...job, ...(id !== undefined && { id }) }];
    });
    let rejectedCount = records.length - jobs.length;
    for (let start = 0; start < jobs.length; start += drainBatchSize) {
      if (this.#stopped) throw new Error('Process stopping');
      rejectedCount += await this.#insertBatch(jobs.slice(start, start + drainBatchSize));
    }
    return rejectedCount;
  }

  /** Falls back to single inserts on a data error, so that one invalid job does not block the others. */
  async #insertBatch(jobs: readonly NewJob[]): Promise<number> {
    const { queue, report } = this.#deps;
    try {
      await queue.insert('webhooks', jobs);
      return 0;
    } catch (error) {
      if (!isDataError(error)) throw error;
      if (jobs.length === 1) {
        report.failed('Inserting a spooled webhook', error);
        return 1;
      }
    }
    let rejectedCount = 0;
    for (const job of jobs) rejectedCount += await this.#insertBatch([job]);
    return rejectedCount;
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

function isDataError(error: unknown): boolean {
  return error instanceof AppError && error.code === 'DB_ERROR' && !error.retryable;
}
