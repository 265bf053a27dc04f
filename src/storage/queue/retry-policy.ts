import type { QueueName } from '../../domain/queue-names.ts';

export type RetryPolicy = Readonly<{
  /** Failures of one job by its own fault, the last one included; then it goes to the dead-letter queue. */
  maxAttempts: number;
  /** A job that fails when it is as old as this goes there too, however few its failures; absent: never. */
  maxAgeSeconds?: number;
  /** A job that was in hand so often when a process ended is taken for the cause. Slow jobs are in hand by chance. */
  maxInterruptions: number;
  /** Exponential, with equal jitter. */
  backoff: Readonly<{ baseMs: number; maxMs: number }>;
  /** Jobs in hand at once in this process. */
  concurrency: number;
}>;

const commonPolicy = { backoff: { baseMs: 1_000, maxMs: 60_000 }, maxInterruptions: 20 } as const;

export const defaultRetryPolicies: Readonly<Record<QueueName, RetryPolicy>> = {
  webhooks: { ...commonPolicy, maxAttempts: 5, concurrency: 10 },
  // The platform expects its answer within the hour: 16 tries take 45 to 90 minutes.
  activation: {
    ...commonPolicy,
    maxAttempts: 16,
    backoff: { baseMs: 5_000, maxMs: 600_000 },
    concurrency: 4,
  },
  // What a client answered is written back to the platform, which may be away for most of a day: 200 tries take 16 to 32 hours.
  answers: {
    ...commonPolicy,
    maxAttempts: 200,
    backoff: { baseMs: 2_000, maxMs: 600_000 },
    concurrency: 4,
  },
  replanning: { ...commonPolicy, maxAttempts: 5, concurrency: 2 },
  // Companies' own systems: 26 tries take 17 to 33 hours, longer where the receiver asks for patience. What one client wrote waits
  // for its turn: behind a text that was given up for its age, one failure is enough. A dead receiver has a few of the hands at most.
  forwarding: {
    maxAttempts: 26,
    maxAgeSeconds: 36 * 3_600,
    maxInterruptions: 200,
    backoff: { baseMs: 5_000, maxMs: 7_200_000 },
    concurrency: 16,
  },
  // All salons share the platform's budget, so that one reading may take long.
  reconciliation: {
    maxAttempts: 10,
    maxInterruptions: 200,
    backoff: { baseMs: 5_000, maxMs: 900_000 },
    concurrency: 2,
  },
  // A device that should be unlinked stays dangerous until it is.
  disconnection: { ...commonPolicy, maxAttempts: Infinity, maxInterruptions: Infinity, concurrency: 4 },
};
