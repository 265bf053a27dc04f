import type { QueueName } from '../../domain/queue-names.ts';
import type { NewJob } from '../../ports/job-queue.ts';
import type { Database } from '../database/database.ts';
import { RowReader } from '../rpc/row-reader.ts';

/** One attempt at a job. Its number fences updates: those of an earlier attempt have no effect. */
export type JobClaim = Readonly<{ id: string; number: number }>;

/** Attempts so far. */
export type AttemptCounts = Readonly<{
  /** Attempts that failed, except for outages. */
  failures: number;
  /** Attempts that ended with the process. */
  interruptions: number;
}>;

export type ClaimedJob = Readonly<{
  claim: JobClaim;
  key: string;
  data: unknown;
  attempts: AttemptCounts;
  /** Since the insertion, by the database clock. */
  ageSeconds: number;
}>;

/** Stored with a rescheduled job. `reason` is the last error. */
export type RetryState = AttemptCounts & Readonly<{ reason?: Readonly<{ name: string; message: string }> }>;

/** Our own statements on pg-boss' job table; see `supabase/schemas/90_jobs.sql`. */
export class JobTable {
  readonly #sql: Database['sql'];

  constructor({ sql }: Pick<Database, 'sql'>) {
    this.#sql = sql;
  }

  /** Call once after pg-boss has created its tables. */
  async setCompression(): Promise<void> {
    await this.#sql.query('select public.jobs_compress_with_lz4()');
  }

  /** Inserts jobs in one statement, with one insertion time. Known ids are ignored. */
  async insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void> {
    await this.#sql.query('select public.jobs_insert($1, $2)', [queue, jsonbSafe(jobs)]);
  }

  /** Claims the oldest due jobs, at most one per key and none of a key with a job in flight. */
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

  /** Ends the attempt; the job becomes due again after the delay. */
  async reschedule(
    queue: QueueName,
    claim: JobClaim,
    delayMs: number,
    retryState: RetryState,
  ): Promise<void> {
    await this.#sql.query('select public.job_reschedule($1, $2, $3, $4, $5)', [
      queue,
      claim.id,
      claim.number,
      Math.round(delayMs),
      jsonbSafe(retryState),
    ]);
  }

  /**
   * Releases the jobs of dead processes.
   * @param heartbeatTimeoutSeconds undefined releases all claims
   * @returns number of released jobs
   */
  async reclaim(queues: readonly QueueName[], heartbeatTimeoutSeconds?: number): Promise<number> {
    const [row] = await this.#sql.query('select public.jobs_reclaim($1, $2) as jobs', [
      queues,
      heartbeatTimeoutSeconds ?? null,
    ]);
    return new RowReader(row).number('jobs');
  }

  /** Number of unfinished jobs whose key has the prefix, and age of the oldest one. */
  async backlog(
    queue: QueueName,
    keyPrefix: string,
  ): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }>> {
    const [row] = await this.#sql.query(
      `select count(*)::int as jobs, coalesce(extract(epoch from now() - min(created_on)), 0)::int as age
       from pgboss.job where name = $1 and state in ('created', 'retry', 'active') and starts_with(singleton_key, $2)`,
      [queue, keyPrefix],
    );
    const backlog = new RowReader(row);
    return { jobs: backlog.number('jobs'), oldestAgeSeconds: backlog.number('age') };
  }

  /** Makes the pending retries of the key due now. */
  async runNow(queue: QueueName, key: string): Promise<void> {
    await this.#sql.query('select public.jobs_run_now($1, $2)', [queue, key]);
  }
}

/** JSON for jsonb, which rejects NUL and lone surrogates; they become U+FFFD. */
export function jsonbSafe(value: unknown): string {
  const json = JSON.stringify(value);
  // JSON.stringify escapes control characters and lone surrogates, but not surrogate pairs.
  if (!/\\u(?:0000|d)/.test(json)) return json;
  return json.replaceAll(/\\(?:u([0-9a-f]{4})|.)/g, (escape, code: string | undefined) =>
    code === '0000' || code?.startsWith('d') === true ? String.raw`\ufffd` : escape,
  );
}
