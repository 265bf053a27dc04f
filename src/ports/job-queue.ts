import type { CompanyId } from '../domain/ids.ts';
import type { QueueName } from '../domain/queue-names.ts';

/** A job that failed permanently. */
export type DeadLetter = Readonly<{
  id: string;
  queue: QueueName;
  key: string;
  reason: Readonly<{ name: string; message: string }>;
  attempts: number;
  deadLetteredAt: Date;
}>;

export type NewJob = Readonly<{
  /** UUID; a job with a known id is ignored. Default: random. */
  id?: string;
  /** Jobs with the same key run one at a time, in insertion order. */
  key: string;
  data: Readonly<Record<string, unknown>>;
}>;

export type Job = Readonly<{ id: string; key: string; data: unknown; attempt: number }>;

export type JobHandler = (job: Job) => Promise<void>;

export type DeadLetterHandler = (job: Job, reason: unknown) => Promise<void>;

export interface JobQueue {
  /** Inserts all jobs. Durable when it resolves. */
  insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void>;
  /**
   * Starts a worker. A job whose handler throws is retried with back-off and finally dead-lettered, after which
   * `onDeadLetter` is called. A retryable `DB_ERROR` does not count as a failed attempt.
   */
  work(queue: QueueName, handler: JobHandler, onDeadLetter?: DeadLetterHandler): Promise<void>;
  /** Makes the pending retries of the key due now. */
  runNow(queue: QueueName, key: string): Promise<void>;
  /** Number of unfinished jobs and age of the oldest one. @param keyPrefix limits both to keys with this prefix */
  backlog(
    queue: QueueName,
    keyPrefix?: string,
  ): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }>>;
  /** Dead letters, newest first. */
  deadLetters(queue: QueueName, limit: number): Promise<readonly DeadLetter[]>;
  /** Moves a dead letter back to its queue with all attempts available. @returns false for an unknown id */
  replay(queue: QueueName, id: string): Promise<boolean>;
}

/** A YCLIENTS webhook, or a generic webhook in the same form. */
export type WebhookJobData = Readonly<{
  companyId: CompanyId;
  resource: string;
  resourceId: number;
  status: string;
  data: unknown;
  /** Set if the payload matches no known YCLIENTS shape; kept for inspection. */
  problem?: string;
}>;
