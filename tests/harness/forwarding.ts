import { afterEach } from 'vitest';
import type { CompanyId } from '../../src/domain/ids.ts';
import { Forwarding } from '../../src/marketplace/replies/webhook-forwarder.ts';
import type { ForwardingJob } from '../../src/ports/message-ports.ts';
import { createBusinessEvents } from '../../src/observability/events.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { Receivers, type ReceiversOptions } from '../../src/webhook-delivery/webhook-sender.ts';
import { createJobQueue, type StoppableJobQueue } from '../../src/storage/queue/job-queue.ts';
import { captureLog, noFigures } from './captured-log.ts';
import { monotonicMs, OutageLog } from './outages.ts';
import { type Engine, newPhone, registeredCompany, useStore } from './storage.ts';
import { WebhookReceiver } from './webhook-receiver.ts';

export const secret = `whsec_${Buffer.from('a secret of thirty-two bytes, ok').toString('base64')}`;
export const secretText = 'Секретный вопрос клиента';

/** Texts, companies with receivers, and the forwarding between them, for the suite that calls this. */
export function useForwarding(make: Engine['make']) {
  const store = useStore(make);
  let scope = new AsyncDisposableStack();
  afterEach(async () => {
    await scope.disposeAsync();
    scope = new AsyncDisposableStack();
  });
  let texts = 0;

  const open = async (
    options: Partial<ReceiversOptions> = {},
    rules: Partial<Readonly<{ maxAttempts: number; maxAgeSeconds: number; concurrency: number }>> = {},
  ) => {
    const log = captureLog();
    const { received, webhooks } = store.repositories;
    const queue: StoppableJobQueue = scope.use(
      await createJobQueue({
        database: store.database,
        rules: {
          forwarding: {
            maxAttempts: 5,
            maxInterruptions: 20,
            retryDelaySeconds: 0.2,
            retryDelayMaxSeconds: 0.2,
            concurrency: 4,
            ...rules,
          },
        },
        onError: (error) => log.error('The queue', { error }),
        outages: new OutageLog(),
        monotonicMs,
      }),
    );
    const forwarding = new Forwarding({
      received,
      webhooks,
      queue,
      receiver: new Receivers({
        allowLoopback: true,
        now: () => new Date(),
        breakerFailures: 100,
        ...options,
      }),
      report: createBusinessEvents(log, createMetrics(noFigures)),
    });
    await queue.work('forwarding', (job) => forwarding.run(job.data as ForwardingJob));
    return { forwarding, log, queue };
  };
  const companyWith = async (receiver: WebhookReceiver, url = receiver.url): Promise<CompanyId> => {
    const { id } = await registeredCompany(store.repositories);
    await store.repositories.webhooks.save(id, url, secret);
    return id;
  };
  const newReceiver = async (): Promise<WebhookReceiver> => scope.use(await WebhookReceiver.start());
  /** Keeps a text without asking for a job, as a process that ends right after would. */
  const keep = async (companyId: CompanyId, phone = newPhone(), text = secretText): Promise<string> => {
    texts += 1;
    const message = { whatsappMessageId: `F${texts}`, phone, text, sentAt: new Date() };
    const kept = await store.repositories.received.keep(companyId, message);
    if (kept === undefined) throw new Error('The company is gone');
    return kept.id;
  };

  return { store, open, companyWith, newReceiver, keep };
}

export function idsAt({ posts }: WebhookReceiver) {
  return posts.map(({ headers }) => headers['webhook-id']);
}
