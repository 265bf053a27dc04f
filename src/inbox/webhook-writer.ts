import Joi from 'joi';
import { AppError } from '../domain/errors/app-error.ts';
import { Outage } from '../lib/async/outage-monitor.ts';
import { withTimeout } from '../lib/async/with-timeout.ts';
import type { JobQueue, NewJob } from '../ports/ports.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Spool } from './spool.ts';

export type WebhookStoreOptions = Readonly<{
  queue: Pick<JobQueue, 'insert'>;
  spool: Spool;
  report: BusinessEvents;
  monotonicMs: () => number;
  /** All that was spooled is in the database. */
  drained: () => void;
  /** Longest wait for the database before the disk is asked. */
  patienceMs?: number;
}>;

const defaultPatienceMs = 1_500;
const drainBatch = 500;
/** So little is in the database in a moment, for which those who write now may wait. */
const lastBytes = 256 * 1024;
/** The database's own limits end an insert that hangs. */
const retryMs = { shortest: 250, longest: 5_000 };
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
export class WebhookStore implements AsyncDisposable {
  readonly #options: WebhookStoreOptions;
  readonly #outage: Outage;
  #draining: Promise<void> | undefined;
  /** There while the last of the disk is on its way to the database; resolves when it is there, or not. */
  #lastOnItsWay: PromiseWithResolvers<void> | undefined;
  #wakeUp: () => void = () => {};
  #hasMissed = false;
  #stopped = false;

  constructor(options: WebhookStoreOptions) {
    const { report, monotonicMs } = options;
    this.#options = options;
    this.#outage = new Outage(
      {
        began: (error) => report.outageBegan('The inbox', error),
        ended: (lastedMs) => report.outageEnded('The inbox', lastedMs),
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
    const { spool, report, monotonicMs, patienceMs = defaultPatienceMs } = this.#options;
    // Else under steady load there would always be something new on the disk before the last of it is gone.
    const untilMs = monotonicMs() + patienceMs;
    if (this.#lastOnItsWay !== undefined) await withTimeout(this.#lastOnItsWay.promise, patienceMs);
    if (spool.isEmpty && (await this.#insertInTime(jobs, untilMs - monotonicMs()))) return 'stored';
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
  missed(cause: unknown): void {
    this.#hasMissed = true;
    this.#options.report.webhooksRefused(1, cause);
  }

  /** What is still on the disk stays there for the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    this.#wakeUp();
    await this.#draining;
  }

  /** False: the database does not take them now. Its late success does no harm, the ids are the same. */
  async #insertInTime(jobs: readonly NewJob[], patienceMs: number): Promise<boolean> {
    try {
      const inserted = this.#options.queue.insert('webhooks', jobs).then(() => true);
      if ((await withTimeout(inserted, patienceMs)) === true) {
        this.#isWell();
        return true;
      }
      this.#outage.felt(new Error('No answer in time'), retryMs);
    } catch (error) {
      // What the database will not take one by one goes to the disk, and from there aside; the others are not to suffer.
      if (isFaultOfTheData(error)) return false;
      this.#outage.felt(error, retryMs);
    }
    return false;
  }

  /** What was refused or spooled meanwhile is to be looked for. */
  #isWell(): void {
    if (!this.#outage.lasts && !this.#hasMissed) return;
    this.#hasMissed = false;
    this.#outage.over();
    this.#options.drained();
  }

  #drain(): void {
    this.#draining ??= this.#drainAll().finally(() => {
      this.#draining = undefined;
      if (!this.#stopped && !this.#options.spool.isEmpty) this.#drain();
    });
  }

  async #drainAll(): Promise<void> {
    const { spool, drained } = this.#options;
    let isTaken = false;
    while (!this.#stopped && !spool.isEmpty) {
      if (isTaken && spool.bytes <= lastBytes) this.#lastOnItsWay ??= Promise.withResolvers();
      try {
        const segment = await spool.oldest();
        if (segment === undefined) break;
        const refused = await this.#insertSegment(segment.records);
        await spool.remove({ ...segment, damagedLines: segment.damagedLines + refused });
        isTaken = true;
      } catch (error) {
        isTaken = false;
        this.#letWrite();
        await this.#pause(this.#outage.felt(error, retryMs));
      }
    }
    this.#letWrite();
    if (!spool.isEmpty) return;
    this.#outage.over();
    drained();
  }

  #letWrite(): void {
    this.#lastOnItsWay?.resolve();
    this.#lastOnItsWay = undefined;
  }

  /** @returns how many records the database will never take */
  async #insertSegment(records: readonly unknown[]): Promise<number> {
    const jobs = records.flatMap((record): NewJob[] => {
      const checked = spooledJob.validate(record);
      if (checked.error !== undefined) return [];
      const { id, ...job } = checked.value;
      return [{ ...job, ...(id !== undefined && { id }) }];
    });
    let refused = records.length - jobs.length;
    for (let start = 0; start < jobs.length; start += drainBatch) {
      if (this.#stopped) throw new Error('The process ends');
      refused += await this.#insertBatch(jobs.slice(start, start + drainBatch));
    }
    return refused;
  }

  /** One record that is no use must not hold up the others for ever. */
  async #insertBatch(jobs: readonly NewJob[]): Promise<number> {
    const { queue, report } = this.#options;
    try {
      await queue.insert('webhooks', jobs);
      return 0;
    } catch (error) {
      if (!isFaultOfTheData(error)) throw error;
      if (jobs.length === 1) {
        report.failed('Bringing in a spooled webhook', error);
        return 1;
      }
    }
    let refused = 0;
    for (const job of jobs) refused += await this.#insertBatch([job]);
    return refused;
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

function isFaultOfTheData(error: unknown): boolean {
  return error instanceof AppError && error.code === 'DB_ERROR' && !error.retryable;
}
