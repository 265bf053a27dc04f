import type { CompanyId } from '../domain/ids.ts';
import type { QueueName } from '../domain/queue-names.ts';

/** A job that failed for good. */
export type DeadLetter = Readonly<{
  id: string;
  queue: QueueName;
  key: string;
  reason: Readonly<{ name: string; message: string }>;
  attempts: number;
  deadLetteredAt: Date;
}>;

export type NewJob = Readonly<{
  /** A UUID; a job with an id seen before is ignored. Absent: random. */
  id?: string;
  /** Jobs with the same key run one after another, in the order of insertion. */
  key: string;
  data: Readonly<Record<string, unknown>>;
}>;

export type Job = Readonly<{ id: string; key: string; data: unknown; attempt: number }>;

export type JobHandler = (job: Job) => Promise<void>;

export type DeadLetterHandler = (job: Job, reason: unknown) => Promise<void>;

export interface JobQueue {
  /** One statement for all jobs; durable when it resolves. */
  insert(queue: QueueName, jobs: readonly NewJob[]): Promise<void>;
  /**
   * Retries with back-off when the handler throws, then the dead-letter queue with the reason, of which `onBuried` is told.
   * A `DB_ERROR` that is worth a retry is not the job's fault: it does not count.
   */
  work(queue: QueueName, handler: JobHandler, onDeadLetter?: DeadLetterHandler): Promise<void>;
  /** Jobs of the key that wait for their next attempt have it now. */
  runNow(queue: QueueName, key: string): Promise<void>;
  /** How many jobs are still to be done, of all keys or of those that begin so, and how long the oldest has waited. */
  backlog(
    queue: QueueName,
    keyPrefix?: string,
  ): Promise<Readonly<{ jobs: number; oldestAgeSeconds: number }>>;
  /** Newest first. */
  deadLetters(queue: QueueName, limit: number): Promise<readonly DeadLetter[]>;
  /** Puts a dead letter back into its queue with fresh attempts. False: there is none with this id. */
  replay(queue: QueueName, id: string): Promise<boolean>;
}

/** What a webhook job carries: the platform's envelope, or the generic form turned into it. */
export type WebhookJobData = Readonly<{
  companyId: CompanyId;
  resource: string;
  resourceId: number;
  status: string;
  data: unknown;
  /** It is none of the platform's shapes. */
  problem?: string;
}>;
