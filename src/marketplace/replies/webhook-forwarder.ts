import { deterministicUuid } from '../../crypto/hash.ts';
import { RetryLaterError } from '../../domain/errors/job-errors.ts';
import type { CompanyId } from '../../domain/ids.ts';
import { truncate } from '../../lib/text.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { JobQueue, NewJob } from '../../ports/job-queue.ts';
import type { OutgoingWebhook, OutgoingWebhooks, WebhookSender } from '../../ports/outgoing-webhooks.ts';
import type {
  ForwardingJob,
  UnforwardedMessage,
  ReceivedMessage,
  ReceivedMessages,
} from '../../ports/received-messages.ts';

export type WebhookForwarderDeps = Readonly<{
  receivedMessages: Pick<ReceivedMessages, 'byId' | 'findUnforwarded' | 'markQueuedForForwarding'>;
  outgoingWebhooks: Pick<OutgoingWebhooks, 'get' | 'disable' | 'recordFailure' | 'recordSuccess'>;
  webhookSender: WebhookSender;
  queue: Pick<JobQueue, 'insert' | 'backlog'>;
  report: BusinessEvents;
}>;

/** Standard Webhooks recommends payloads under 20 KB. */
const maxBodyBytes = 20_000;
const sweepBatchSize = 500;
const alertAfterHours = 48;

/** Forwards messages from clients to the company's outgoing webhook: one durable job per message. */
export class WebhookForwarder {
  readonly #deps: WebhookForwarderDeps;

  constructor(deps: WebhookForwarderDeps) {
    this.#deps = deps;
  }

  /** Enqueues one job per message. Idempotent. */
  async request(messages: readonly UnforwardedMessage[]): Promise<void> {
    const { queue, receivedMessages } = this.#deps;
    if (messages.length === 0) return;
    await queue.insert('forwarding', messages.map(forwardingJob));
    await receivedMessages.markQueuedForForwarding(messages.map(({ id }) => id));
  }

  /** Enqueues messages whose process exited before it did. */
  async sweep(): Promise<void> {
    while (true) {
      const pending = await this.#deps.receivedMessages.findUnforwarded(sweepBatchSize);
      await this.request(pending);
      if (pending.length < sweepBatchSize) return;
    }
  }

  /** Number of messages of the company not yet delivered. */
  async pendingCount(companyId: CompanyId): Promise<number> {
    return (await this.#deps.queue.backlog('forwarding', companyKeyPrefix(companyId))).jobs;
  }

  /** Job handler. @throws RetryLaterError when the receiver did not accept the message */
  async run(job: ForwardingJob): Promise<void> {
    const { webhookSender, report } = this.#deps;
    const result = await webhookSender.runLimited(job.companyId, () => this.#forward(job));
    if (result === 'done') return;
    report.forwardingBusy();
    throw new RetryLaterError('busy', { delayMs: result.retryAfterMs, countsAsAttempt: false });
  }

  async #forward({ companyId, messageId }: ForwardingJob): Promise<void> {
    const { receivedMessages, outgoingWebhooks, webhookSender, report } = this.#deps;
    const webhook = await outgoingWebhooks.get(companyId);
    if (webhook === undefined || webhook.disabledAt !== undefined) return;
    const message = await receivedMessages.byId(companyId, messageId);
    if (message === undefined) return;
    const { version, url } = webhook;
    const delivery = await webhookSender.deliver(
      companyId,
      { version, url, secrets: signingSecrets(webhook) },
      { id: message.id, body: webhookPayload(message) },
    );
    if (delivery.outcome === 'held') {
      report.forwardingHeld();
      const delay = { delayMs: delivery.retryAfterMs, countsAsAttempt: false, expires: true };
      throw new RetryLaterError(`Circuit open, last failure: ${delivery.reason}`, delay);
    }
    report.forwarded(companyId, messageId, delivery);
    switch (delivery.outcome) {
      case 'delivered':
        await outgoingWebhooks.recordSuccess(companyId, version);
        return;
      case 'gone':
        // False when the webhook was replaced or removed during the delivery.
        if (!(await outgoingWebhooks.disable(companyId, version, `message:${messageId}`)))
          throw new RetryLaterError('replaced', { delayMs: 0, countsAsAttempt: true });
        report.outgoingWebhookDisabled(companyId);
        return;
      case 'failed':
        if (await outgoingWebhooks.recordFailure(companyId, version, alertAfterHours))
          report.outgoingWebhookFailing(companyId, delivery.reason);
        throw new RetryLaterError(delivery.reason, {
          delayMs: delivery.retryAfterMs ?? 0,
          countsAsAttempt: true,
        });
    }
  }
}

/** The key keeps the messages of one client in order; the phone is hashed because keys are shown to operators. */
function forwardingJob({ id, companyId, phone }: UnforwardedMessage): NewJob {
  return {
    id: deterministicUuid('forwarding', id),
    key: `${companyKeyPrefix(companyId)}${deterministicUuid('client', companyId, phone ?? id)}`,
    data: { companyId, messageId: id } satisfies ForwardingJob,
  };
}

function companyKeyPrefix(companyId: CompanyId): string {
  return `${companyId}:`;
}

function signingSecrets({ secret, previousSecret }: OutgoingWebhook): string[] {
  return previousSecret === undefined ? [secret] : [secret, previousSecret];
}

/** Identical at each attempt. A long text is truncated; `GET /marketplace/received-messages` returns the whole. */
export function webhookPayload({ id, phone, text, sentAt, receivedAt }: ReceivedMessage): string {
  const payloadWith = (visibleText: string): string =>
    JSON.stringify({
      type: 'message.received',
      timestamp: receivedAt.toISOString(),
      data: {
        id,
        phone,
        text: visibleText,
        sent_at: sentAt.toISOString(),
        ...(visibleText !== text && { truncated: true }),
      },
    });
  let visibleText = text;
  while (Buffer.byteLength(payloadWith(visibleText)) > maxBodyBytes)
    visibleText = truncate(visibleText, Math.floor(visibleText.length * 0.9));
  return payloadWith(visibleText);
}
