import type { QueueName } from '../../domain/queue-names.ts';

export type RetryPolicy = Readonly<{
  /** Failed attempts after which a job is dead-lettered. Database outages do not count. */
  maxAttempts: number;
  /** A job that fails at this age is dead-lettered regardless of its attempts. Default: no limit. */
  maxAgeSeconds?: number;
  /** Process exits during the job after which it is taken for their cause. Slow jobs need a higher limit. */
  maxInterruptions: number;
  /** Exponential, with equal jitter. */
  backoff: Readonly<{ baseMs: number; maxMs: number }>;
  /** Jobs in flight in this process. */
  concurrency: number;
}>;

const commonPolicy = { backoff: { baseMs: 1_000, maxMs: 60_000 }, maxInterruptions: 20 } as const;

export const defaultRetryPolicies: Readonly<Record<QueueName, RetryPolicy>> = {
  webhooks: { ...commonPolicy, maxAttempts: 5, concurrency: 10 },
  // YCLIENTS expects the callback within an hour; 16 attempts take 45 to 90 minutes.
  activation: {
    ...commonPolicy,
    maxAttempts: 16,
    backoff: { baseMs: 5_000, maxMs: 600_000 },
    concurrency: 4,
  },
  // Covers a YCLIENTS outage of most of a day: 200 attempts take 16 to 32 hours.
  answers: {
    ...commonPolicy,
    maxAttempts: 200,
    backoff: { baseMs: 2_000, maxMs: 600_000 },
    concurrency: 4,
  },
  replanning: { ...commonPolicy, maxAttempts: 5, concurrency: 2 },
  // 26 attempts take 17 to 33 hours, longer if the receiver sends Retry-After. The age limit also bounds the messages of a
  // client that queue behind a failing one.
  forwarding: {
    maxAttempts: 26,
    maxAgeSeconds: 36 * 3_600,
    maxInterruptions: 200,
    backoff: { baseMs: 5_000, maxMs: 7_200_000 },
    concurrency: 16,
  },
  // Slow: all salons share the YCLIENTS rate limit.
  reconciliation: {
    maxAttempts: 10,
    maxInterruptions: 200,
    backoff: { baseMs: 5_000, maxMs: 900_000 },
    concurrency: 2,
  },
  // Never given up: a device that stays linked can still read the salon's chats.
  disconnection: { ...commonPolicy, maxAttempts: Infinity, maxInterruptions: Infinity, concurrency: 4 },
};
