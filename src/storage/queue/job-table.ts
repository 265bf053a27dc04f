import type { Database } from '../database/database.ts';
import { RowReader } from '../rpc/row-reader.ts';
import type { QueueName } from '../../domain/queue-names.ts';
import type { NewJob } from '../../ports/job-queue.ts';

/** One attempt at a job. Whoever settles it names its number, so that a late word of an earlier attempt changes nothing. */
export type JobClaim = Readonly<{ id: string; number: number }>;

/** What is known of the attempts so far. */
export type AttemptCounts = Readonly<{
  /** By a fault of the job's own. */
  failures: number;
  /** The process ended with the job in hand. */
  interruptions: number;
}>;

export type ClaimedJob = Readonly<{
  claim: JobClaim;
  key: string;
  data: unknown;
  attempts: AttemptCounts;
  /** Since the insertion, by the database's clock. */
  ageSeconds: number;
}>;

/** Why a job waits for its next attempt. */
export type RetryState = AttemptCounts & Readonly<{ reason?: Readonly<{ name: string; message: string }> }>;

/** Jobs in the tables of pg-boss, by statements of our own: see the migration of the claims. */
export class JobTable {
  readonly #sql: Database['sql'];

  constructor({ sql }: Pick<Database, 'sql'>) {
    this.#sql = sql;
  }

  /** Once pg-boss has made its tables. */
  async prepare(): Promise<void> {
    await this.#sql.query('select public.jobs_compress_quickly()');
  }

  /** One statement, with one time of insertion. Jobs whose id is there already are passed over. */
  async insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
    await this.#sql.query('select public.jobs_insert($1, $2)', [queue, jsonbSafe(jobs)]);
  }

  /** The oldest jobs that are due, at most one of each key, and none of a key that has one in hand. */
  async claim(queue: QueueName, limit: number): Promise<ClaimedJob[]> {
    const rows = await this.#sql.query(
      'select id::text, key, data, claim, failures, interruptions, age_seconds from public.jobs_claim($1, $2)',
      [queue, limit],
    );
    return rows.map((row) => {
      const job = new RowReader(row);
      return {
        claim: { id: job.text('id'), number: job.number('claim') },
        key: job.text('key'),
        data: row['data'],
        attempts: { failures: job.number('failures'), interruptions: job.number('interruptions') },
        ageSeconds: job.number('age_seconds'),
      };
    });
  }

  async reschedule(
    queue: QueueName,
    claim: JobClaim,
    delayMs: number,
    retryState: RetryState,
  ): Promise<void> {
    await this.#sql.query('select public.job_put_back($1, $2, $3, $4, $5)', [
      queue,
      claim.id,
      claim.number,
      Math.round(delayMs),
      jsonbSafe(retryState),
    ]);
  }

  /**
   * Makes the jobs of silent processes free for others.
   * @param heartbeatTimeoutSeconds absent: all that are in hand, whatever the clock says
   * @returns how many there were
   */
  async reclaim(queues: readonly QueueName[], heartbeatTimeoutSeconds?: number): Promise<number> {
    const [row] = await this.#sql.query('select public.jobs_reclaim($1, $2) as jobs', [
      queues,
      heartbeatTimeoutSeconds ?? null,
    ]);
    return new RowReader(row).number('jobs');
  }

  /** Jobs of the key that wait for their next attempt have it now. */
  async runNow(queue: QueueName, key: string): Promise<void> {
    await this.#sql.query('select public.jobs_hurry($1, $2)', [queue, key]);
  }
}

/**
 * The value as JSON that Postgres can hold: its jsonb refuses NUL and halves of surrogate pairs, which JSON allows. They
 * become U+FFFD; one such character must not keep a webhook from being stored.
 */
export function jsonbSafe(value: unknown): string {
  const json = JSON.stringify(value);
  // JSON.stringify escapes exactly these and other control characters; whole pairs it writes as they are.
  if (!/\\u(?:0000|d)/.test(json)) return json;
  return json.replaceAll(/\\(?:u([0-9a-f]{4})|.)/g, (escape, code: string | undefined) =>
    code === '0000' || code?.startsWith('d') === true ? String.raw`\ufffd` : escape,
  );
}
