import type { QueueName } from '../marketplace/ports.ts';

export type QueueRules = Readonly<{
  /** Failures of one job by its own fault, the last one included; then it goes to the dead-letter queue. */
  maxAttempts: number;
  /** Mean wait before the n-th retry: 3/4 of this, doubled n - 1 times. */
  retryDelaySeconds: number;
  retryDelayMaxSeconds: number;
  /** Jobs in hand at once in this process. */
  concurrency: number;
}>;

export const queueNames = [
  'webhooks',
  'activation',
  'disconnection',
  'answers',
  'replanning',
  'reconciliation',
] as const satisfies readonly QueueName[];

export const defaultQueueRules: Readonly<Record<QueueName, QueueRules>> = {
  webhooks: { maxAttempts: 5, retryDelaySeconds: 1, retryDelayMaxSeconds: 60, concurrency: 10 },
  // The platform expects its answer within the hour: 14 tries take 61 to 71 minutes.
  activation: { maxAttempts: 14, retryDelaySeconds: 5, retryDelayMaxSeconds: 600, concurrency: 4 },
  // What a client answered is written back to the platform, which may be away for a while.
  answers: { maxAttempts: 10, retryDelaySeconds: 2, retryDelayMaxSeconds: 300, concurrency: 4 },
  replanning: { maxAttempts: 5, retryDelaySeconds: 1, retryDelayMaxSeconds: 60, concurrency: 2 },
  // All salons share the platform's budget.
  reconciliation: { maxAttempts: 10, retryDelaySeconds: 5, retryDelayMaxSeconds: 900, concurrency: 2 },
  // A device that should be unlinked stays dangerous until it is.
  disconnection: { maxAttempts: Infinity, retryDelaySeconds: 1, retryDelayMaxSeconds: 60, concurrency: 4 },
};

/** Where jobs go that failed for good, with the reason. */
export function deadLetterQueueOf(queue: QueueName): string {
  return `${queue}_dead`;
}
