import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { ReceivedMessages, ReceivedText } from '../../ports/received-messages.ts';
import type { ReplyHandler } from './reply-handler.ts';
import type { WebhookForwarder } from './webhook-forwarder.ts';

export type InboundMessagesDeps = Readonly<{
  receivedMessages: Pick<ReceivedMessages, 'save' | 'deleteOlderThan'>;
  replyHandler: Pick<ReplyHandler, 'handle'>;
  webhookForwarder: Pick<WebhookForwarder, 'request'>;
  report: BusinessEvents;
}>;

const retentionDays = 90;
const deleteBatchSize = 1_000;

/** Processes messages from clients: stores them, handles keyword replies, forwards them to the company's webhook. */
export class InboundMessages {
  readonly #deps: InboundMessagesDeps;

  constructor(deps: InboundMessagesDeps) {
    this.#deps = deps;
  }

  /** Idempotent. */
  async handle(companyId: CompanyId, message: ReceivedText): Promise<void> {
    const { receivedMessages, replyHandler, webhookForwarder, report } = this.#deps;
    const saved = await receivedMessages.save(companyId, message);
    if (saved !== undefined) report.textReceived(companyId, saved.id);
    await replyHandler.handle(companyId, message);
    if (saved?.needsForwarding === true)
      await webhookForwarder.request([{ id: saved.id, companyId, phone: message.phone }]);
  }

  async deleteExpired(): Promise<void> {
    let deleted: number;
    do {
      deleted = await this.#deps.receivedMessages.deleteOlderThan(retentionDays, deleteBatchSize);
      if (deleted > 0) this.#deps.report.receivedMessagesErased(deleted);
    } while (deleted === deleteBatchSize);
  }
}
