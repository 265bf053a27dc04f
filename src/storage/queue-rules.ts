import type { QueueName } from '../marketplace/ports.ts';

export type QueueRules = Readonly<{
  /** Failures of one job by its own fault, the last one included; then it goes to the dead-letter queue. */
  maxAttempts: number;
  /** Longest wait before the first retry; it doubles with each further one, and is halved at random. */
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
  // What a client answered is written back to the platform, which may be away for most of a day: 200 tries take 16 to 32 hours.
  answers: { maxAttempts: 200, retryDelaySeconds: 2, retryDelayMaxSeconds: 600, concurrency: 4 },
  replanning: { maxAttempts: 5, retryDelaySeconds: 1, retryDelayMaxSeconds: 60, concurrency: 2 },
  // All salons share the platform's budget.
  reconciliation: { maxAttempts: 10, retryDelaySeconds: 5, retryDelayMaxSeconds: 900, concurrency: 2 },
  // A device that should be unlinked stays dangerous until it is.
  disconnection: { maxAttempts: Infinity, retryDelaySeconds: 1, retryDelayMaxSeconds: 60, concurrency: 4 },
};

/** Between a half and the whole of the wait, so that jobs that failed together do not come back together. */
export function retryDelayMs(rules: QueueRules, failures: number, random: () => number): number {
  const longest = Math.min(rules.retryDelayMaxSeconds, rules.retryDelaySeconds * 2 ** (failures - 1));
  return longest * 1_000 * (0.5 + random() / 2);
}

/** Where jobs go that failed for good, with the reason. */
export function deadLetterQueueOf(queue: QueueName): string {
  return `${queue}_dead`;
}
