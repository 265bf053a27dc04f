import { EventEmitter } from 'node:events';
import Joi from 'joi';
import { AppError } from '../domain/errors/app-error.ts';
import { OutageMonitor } from '../lib/async/outage-monitor.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Spool } from './spool.ts';
import type { JobQueue, NewJob } from '../ports/job-queue.ts';

export type WebhookWriterOptions = Readonly<{
  queue: Pick<JobQueue, 'insert'>;
  spool: Spool;
  report: BusinessEvents;
  monotonicMs: () => number;
  /** Longest wait for the database before the disk is asked. */
  insertTimeoutMs?: number;
}>;

const defaultInsertTimeoutMs = 1_500;
const drainBatchSize = 500;
type WebhookWriterEvents = {
  /** The spool is empty and the database accepts inserts again. */
  drained: [];
};

/** So little is in the database in a moment, for which those who write now may wait. */
const finalDrainMaxBytes = 256 * 1024;
/** The database's own limits end an insert that hangs. */
const retryBackoff = { minMs: 250, maxMs: 5_000 };
const retryAfterSeconds = 5;

const spooledJob = Joi.object<{ id?: string; key: string; data: Readonly<Record<string, unknown>> }>({
  id: Joi.string(),
  key: Joi.string().required(),
  data: Joi.object().unknown().required(),
});

/**
 * Makes webhooks durable: in the database, or on the disk while the database does not take them in time. What is on the disk
 * goes first, under the same ids, before anything goes straight to the database again, so that their order stays.
 */
export class WebhookWriter extends EventEmitter<WebhookWriterEvents> implements AsyncDisposable {
  readonly #options: WebhookWriterOptions;
  readonly #outage: OutageMonitor;
  #draining: Promise<void> | undefined;
  /** There while the last of the disk is on its way to the database; resolves when it is there, or not. */
  #finalDrain: PromiseWithResolvers<void> | undefined;
  #wakeUp: () => void = () => {};
  #hasRejected = false;
  #stopped = false;

  constructor(options: WebhookWriterOptions) {
    super();
    const { report, monotonicMs } = options;
    this.#options = options;
    this.#outage = new OutageMonitor(
      {
        began: (error) => report.outageBegan('Webhook inbox', error),
        ended: (durationMs) => report.outageEnded('Webhook inbox', durationMs),
      },
      monotonicMs,
    );
  }

  /** Brings in what an earlier process left on the disk. */
  start(): void {
    if (!this.#options.spool.isEmpty) this.#drain();
  }

  /**
   * Durable when it resolves. Jobs of one key are not to be written before the earlier ones are.
   * @returns where the jobs are
   * @throws AppError `DB_ERROR` when neither takes them
   */
  async write(jobs: readonly NewJob[]): Promise<'stored' | 'spooled'> {
    const { spool, report, monotonicMs, insertTimeoutMs = defaultInsertTimeoutMs } = this.#options;
    // Else under steady load there would always be something new on the disk before the last of it is gone.
    const deadlineMs = monotonicMs() + insertTimeoutMs;
    if (this.#finalDrain !== undefined) await withTimeout(this.#finalDrain.promise, insertTimeoutMs);
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

  /** A webhook was turned away before it came here: the platform is to be asked for it when there is room again. */
  markRejected(cause: unknown): void {
    this.#hasRejected = true;
    this.#options.report.webhooksRefused(1, cause);
  }

  /** What is still on the disk stays there for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#wakeUp();
    await this.#draining;
  }

  /** False: the database does not take them now. Its late success does no harm, the ids are the same. */
  async #tryInsert(jobs: readonly NewJob[], timeoutMs: number): Promise<boolean> {
    try {
      const inserted = this.#options.queue.insert('webhooks', jobs).then(() => true);
      if ((await withTimeout(inserted, timeoutMs)) === true) {
        this.#handleRecovery();
        return true;
      }
      this.#outage.failure(new Error('Database insert timed out'), retryBackoff);
    } catch (error) {
      // What the database will not take one by one goes to the disk, and from there aside; the others are not to suffer.
      if (isDataError(error)) return false;
      this.#outage.failure(error, retryBackoff);
    }
    return false;
  }

  /** What was refused or spooled meanwhile is to be looked for. */
  #handleRecovery(): void {
    if (!this.#outage.ongoing && !this.#hasRejected) return;
    this.#hasRejected = false;
    this.#outage.success();
    this.emit('drained');
  }

  #drain(): void {
    this.#draining ??= this.#drainAll().finally(() => {
      this.#draining = undefined;
      if (!this.#stopped && !this.#options.spool.isEmpty) this.#drain();
    });
  }

  async #drainAll(): Promise<void> {
    const { spool } = this.#options;
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

  /** @returns how many records the database will never take */
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

  /** One record that is no use must not hold up the others for ever. */
  async #insertBatch(jobs: readonly NewJob[]): Promise<number> {
    const { queue, report } = this.#options;
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
