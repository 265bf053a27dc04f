import { expect, it } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { WebhookForwarder } from '../../../../src/marketplace/replies/webhook-forwarder.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';

it('a job above the concurrency limit is rescheduled without reading the database', async () => {
  const read = async (): Promise<never> => {
    throw new Error('The database was read');
  };
  const forwarder = new WebhookForwarder({
    receivedMessages: { byId: read, findUnforwarded: read, markQueuedForForwarding: read },
    outgoingWebhooks: { get: read, disable: read, recordFailure: read, recordSuccess: read },
    webhookSender: { runLimited: async () => ({ retryAfterMs: 7_000 }), deliver: read },
    queue: { insert: read, backlog: read },
    report: createBusinessEvents(captureLog(), createMetrics()),
  });
  await expect(forwarder.run({ companyId: companyIdFrom(1), messageId: 'm' })).rejects.toMatchObject({
    name: 'RetryLaterError',
    delayMs: 7_000,
    countsAsAttempt: false,
  });
});
