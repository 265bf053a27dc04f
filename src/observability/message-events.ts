import type { CompanyId } from '../domain/ids.ts';
import type { Message, MessageKind } from '../domain/notification/message.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

type LoggedMessage = Pick<Message, 'companyId' | 'id' | 'whatsappMessageId' | 'kind' | 'recordId'>;

/** Events of messages to clients, of their replies, and of forwarding the replies to the salon's webhook. */
export function createMessageEvents(logger: Logger, metrics: Metrics) {
  return {
    messageQueued(companyId: CompanyId, messageId: string, kind: MessageKind, recordId?: number): void {
      metrics.messages.inc({ kind, status: 'queued' });
      logger.info('Message queued', { companyId, messageId, kind, recordId });
    },
    messageSending(message: LoggedMessage & Pick<Message, 'attempts'>): void {
      metrics.messages.inc({ kind: message.kind, status: 'sending' });
      logger.info('Message send started', { ...messageFields(message), attempt: message.attempts });
    },
    messageStatus(message: LoggedMessage & Pick<Message, 'status' | 'errorCode'>): void {
      const { kind, status, errorCode } = message;
      metrics.messages.inc({ kind, status });
      const isFailure = status === 'failed' || status === 'unknown' || errorCode !== undefined;
      const level = isFailure ? 'warn' : 'info';
      logger[level]('Message status changed', { ...messageFields(message), status, errorCode });
    },
    /** @param answer `silent`: WhatsApp gave no reason for a refusal, so new chats are paused for a day at most */
    chatRestrictionStarted(companyId: CompanyId, endsAt: Date, answer: string): void {
      logger.warn('New-chat restriction started', { companyId, endsAt: endsAt.toISOString(), answer });
    },
    chatRestrictionLifted(companyId: CompanyId): void {
      logger.info('New-chat restriction lifted', { companyId });
    },
    textReceived(companyId: CompanyId, receivedId: string): void {
      metrics.received.inc();
      logger.info('Message received', { companyId, receivedId });
    },
    receivedMessagesErased(count: number): void {
      logger.info('Expired received messages deleted', { count });
    },
    clientReplied(companyId: CompanyId, what: string, recordId?: number): void {
      logger.info('Client reply processed', { companyId, what, recordId });
    },
    /** YCLIENTS does not accept the reply in the record; it is stored here only. */
    writeBackRefused(companyId: CompanyId, recordId: number, error: unknown): void {
      logger.warn('Write-back refused', { companyId, recordId, error });
    },
    /** @param delivery outcome of one attempt to deliver a received message to the salon's webhook */
    forwarded(
      companyId: CompanyId,
      receivedId: string,
      delivery: Readonly<{ outcome: 'delivered' | 'gone' | 'failed'; reason?: string }>,
    ): void {
      const { outcome, reason } = delivery;
      metrics.forwards.inc({ outcome });
      logger[outcome === 'delivered' ? 'info' : 'warn']('Message forwarded', {
        companyId,
        receivedId,
        outcome,
        reason,
      });
    },
    /** Postponed: the salon has too many deliveries in flight. */
    forwardingBusy(): void {
      metrics.forwards.inc({ outcome: 'busy' });
    },
    /** Postponed: the circuit breaker of the receiver is open. */
    forwardingHeld(): void {
      metrics.forwards.inc({ outcome: 'held' });
    },
    outgoingWebhookChanged(companyId: CompanyId, what: 'set' | 'secret_rotated' | 'removed'): void {
      logger.info('Outgoing webhook changed', { companyId, what });
    },
    outgoingWebhookDisabled(companyId: CompanyId): void {
      logger.error('Outgoing webhook disabled: receiver responded 410', { companyId });
    },
    outgoingWebhookFailing(companyId: CompanyId, reason: string): void {
      logger.error('Outgoing webhook failing for days', { companyId, reason });
    },
  };
}

/** Any of these ids finds the other log lines of the message. */
function messageFields({ companyId, id, whatsappMessageId, kind, recordId }: LoggedMessage) {
  return { companyId, messageId: id, whatsappMessageId, kind, recordId };
}
