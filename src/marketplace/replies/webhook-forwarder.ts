import type { CompanyId } from '../../domain/ids.ts';
import { PostponedError } from '../../domain/errors/job-errors.ts';
import { cutText } from '../../lib/text.ts';
import { hashedUuid } from '../../crypto/hashed-uuid.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type {
  ForwardingJob,
  MessageToForward,
  OutgoingWebhook,
  OutgoingWebhooks,
  ReceivedMessage,
  ReceivedMessages,
  Receiver,
} from '../../ports/message-ports.ts';
import type { JobQueue, NewJob } from '../../ports/ports.ts';

export type ForwardingDependencies = Readonly<{
  received: Pick<ReceivedMessages, 'byId' | 'toForward' | 'handedOver'>;
  webhooks: Pick<OutgoingWebhooks, 'of' | 'disable' | 'failed' | 'worked'>;
  receiver: Receiver;
  queue: Pick<JobQueue, 'insert' | 'waiting'>;
  report: BusinessEvents;
}>;

/** What Standard Webhooks advises, and less than receivers refuse. */
const longestBodyBytes = 20_000;
const sweepSize = 500;
const tellAfterHours = 48;

/** Hands what clients write to the company's own webhook, if it set one: one durable job for each message. */
export class Forwarding {
  readonly #deps: ForwardingDependencies;

  constructor(deps: ForwardingDependencies) {
    this.#deps = deps;
  }

  /** The jobs are there when it resolves; asked twice, they are the same ones. */
  async request(messages: readonly MessageToForward[]): Promise<void> {
    const { queue, received } = this.#deps;
    if (messages.length === 0) return;
    await queue.insert('forwarding', messages.map(jobFor));
    await received.handedOver(messages.map(({ id }) => id));
  }

  /** Gives jobs to messages whose process ended before they had one. */
  async sweep(): Promise<void> {
    while (true) {
      const left = await this.#deps.received.toForward(sweepSize);
      await this.request(left);
      if (left.length < sweepSize) return;
    }
  }

  /** How many messages still have to reach the company's webhook. */
  async waiting(companyId: CompanyId): Promise<number> {
    return (await this.#deps.queue.waiting('forwarding', keyPrefixOf(companyId))).jobs;
  }

  /** The job. @throws PostponedError when the receiver did not take it */
  async run(job: ForwardingJob): Promise<void> {
    const { receiver, report } = this.#deps;
    const lane = await receiver.inLane(job.companyId, () => this.#forward(job));
    if (lane === 'done') return;
    report.forwardingBusy();
    throw new PostponedError('busy', { delayMs: lane.retryAfterMs, counts: false });
  }

  /** @throws PostponedError when the receiver did not take it */
  async #forward({ companyId, messageId }: ForwardingJob): Promise<void> {
    const { received, webhooks, receiver, report } = this.#deps;
    const webhook = await webhooks.of(companyId);
    if (webhook === undefined || webhook.disabledAt !== undefined) return;
    const message = await received.byId(companyId, messageId);
    if (message === undefined) return;
    const { version, url } = webhook;
    const delivery = await receiver.deliver(
      companyId,
      { version, url, secrets: secretsOf(webhook) },
      { id: message.id, body: bodyOf(message) },
    );
    if (delivery.outcome === 'held') {
      report.forwardingHeld();
      const delay = { delayMs: delivery.retryAfterMs, counts: false, ages: true };
      throw new PostponedError(`Not posted, the receiver fails: ${delivery.reason}`, delay);
    }
    report.forwarded(companyId, messageId, delivery);
    switch (delivery.outcome) {
      case 'delivered':
        await webhooks.worked(companyId, version);
        return;
      case 'gone':
        // Or another address has been set meanwhile, or none.
        if (!(await webhooks.disable(companyId, version, `message:${messageId}`)))
          throw new PostponedError('replaced', { delayMs: 0, counts: true });
        report.outgoingWebhookDisabled(companyId);
        return;
      case 'failed':
        if (await webhooks.failed(companyId, version, tellAfterHours))
          report.outgoingWebhookFailing(companyId, delivery.reason);
        throw new PostponedError(delivery.reason, { delayMs: delivery.retryAfterMs ?? 0, counts: true });
    }
  }
}

/** The key keeps the order of what one client writes, and tells nobody who it is. */
function jobFor({ id, companyId, phone }: MessageToForward): NewJob {
  return {
    id: hashedUuid('forwarding', id),
    key: `${keyPrefixOf(companyId)}${hashedUuid('client', companyId, phone ?? id)}`,
    data: { companyId, messageId: id } satisfies ForwardingJob,
  };
}

function keyPrefixOf(companyId: CompanyId): string {
  return `${companyId}:`;
}

function secretsOf({ secret, previousSecret }: OutgoingWebhook): string[] {
  return previousSecret === undefined ? [secret] : [secret, previousSecret];
}

/** The same at each attempt. A text that is too long is cut and says so; the whole of it can be read from the service. */
export function bodyOf({ id, phone, text, sentAt, receivedAt }: ReceivedMessage): string {
  const bodyWith = (shown: string): string =>
    JSON.stringify({
      type: 'message.received',
      timestamp: receivedAt.toISOString(),
      data: {
        id,
        phone,
        text: shown,
        sent_at: sentAt.toISOString(),
        ...(shown !== text && { truncated: true }),
      },
    });
  let shown = text;
  while (Buffer.byteLength(bodyWith(shown)) > longestBodyBytes)
    shown = cutText(shown, Math.floor(shown.length * 0.9));
  return bodyWith(shown);
}
