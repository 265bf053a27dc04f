import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { RetryLaterError } from '../../../../src/domain/errors/job-errors.ts';
import { startJobWorkers } from '../../../../src/jobs/handlers.ts';
import { createBusinessEvents } from '../../../../src/observability/events.ts';
import { createMetrics } from '../../../../src/observability/metrics.ts';
import { createJobQueue } from '../../../../src/storage/queue/job-queue.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { monotonicMs, OutageLog } from '../../../support/faults/outage-log.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { registerCompany, useStore } from '../../../support/fixtures/storage.ts';

const once = {
  maxAttempts: 1,
  maxInterruptions: 20,
  backoff: { baseMs: 1_000, maxMs: 1_000 },
  concurrency: 4,
};

describe.each(engines())('a dead-lettered job in $name', ({ make }) => {
  const store = useStore(make);

  it('is logged and recorded as an event with job id, company and reason', async () => {
    const { id: companyId } = await registerCompany(store.repositories);
    const log = captureLog();
    await using queue = await createJobQueue(
      {
        database: store.database,
        onError: () => {},
        outageCallbacks: new OutageLog().callbacks,
        monotonicMs,
      },
      { policies: { webhooks: once, activation: once, forwarding: once } },
    );
    const fail = async (): Promise<never> => {
      throw new TypeError('+79001234567 cannot be read');
    };
    await startJobWorkers({
      queue,
      events: store.repositories.events,
      report: createBusinessEvents(log, createMetrics()),
      service: { handleWebhook: fail, sendCallbackToYClients: fail },
      activation: { onDeadLetter: async () => {} },
      lifecycle: { disconnect: fail },
      replyHandler: { run: fail },
      attendanceWriteBack: { run: fail },
      webhookForwarder: {
        run: async () => {
          throw new RetryLaterError('The receiver answered 503', { delayMs: 0, countsAsAttempt: true });
        },
      },
      replanner: { run: fail },
      reconciliation: { run: fail },
    });
    const deadLetterLog = (message: string, jobId: string) =>
      waitFor(message, () => log.lines.find((line) => line.includes(`"${message}"`) && line.includes(jobId)));

    const ids = {
      webhook: randomUUID(),
      activation: randomUUID(),
      forwarding: randomUUID(),
      unknownCompany: randomUUID(),
    };
    const data = { companyId, resource: 'record', resourceId: 7, status: 'create', data: {} };
    await queue.insert('webhooks', [
      { id: ids.webhook, key: 'a', data },
      { id: ids.unknownCompany, key: 'b', data: { unknown: true } },
    ]);
    await queue.insert('activation', [{ id: ids.activation, key: 'c', data: { companyId } }]);

    await queue.insert('forwarding', [
      { id: ids.forwarding, key: 'd', data: { companyId, messageId: randomUUID() } },
    ]);

    expect(await deadLetterLog('Job dead-lettered', ids.webhook)).toContain(`"companyId":${companyId}`);
    expect(await deadLetterLog('Job dead-lettered', ids.activation)).toContain(`"companyId":${companyId}`);
    expect(await deadLetterLog('Job dead-lettered', ids.unknownCompany)).not.toContain('companyId');
    const events = await waitFor('the events', async () => {
      const latest = (await store.repositories.events.latest(companyId, 10)).filter(({ type }) =>
        type.endsWith('_buried'),
      );
      return latest.length === 3 ? latest : undefined;
    });
    const detail = { attempts: 1, reason: 'TypeError' };
    expect(Object.fromEntries(events.map(({ type, ...event }) => [type, event]))).toMatchObject({
      webhook_buried: { cause: `webhook:${ids.webhook}`, detail: { ...detail, record_id: 7 } },
      activation_buried: { cause: `activation:${ids.activation}`, detail },
      forwarding_buried: {
        cause: `forwarding:${ids.forwarding}`,
        detail: { ...detail, reason: 'The receiver answered 503' },
      },
    });
  });
});
