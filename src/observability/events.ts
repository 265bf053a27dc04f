import type { IntegrationStatus } from '../domain/company/company.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Message, MessageKind } from '../domain/notification/message.ts';
import type { SessionState } from '../domain/company/session-state.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { isPlatformResource } from '../domain/booking/yclients-record.ts';

/** As many as the redaction of a line looks at. */
const maxIdsPerLine = 50;

/** One function per business event: each is one log line and whatever it counts. No phone, no text, no secret. */
export type BusinessEvents = ReturnType<typeof createBusinessEvents>;

/** How a socket to WhatsApp closed, and what is done about it. */
export type SocketClose = Readonly<{
  code: number | 'passkey' | 'deaf';
  /** What comes next: `restart`, `reconnect`, `retry` or `stop`. */
  next: string;
  state: SessionState;
  detail: string;
  /** Whether whoever runs the service should know. */
  alert: boolean;
}>;

export function createBusinessEvents(logger: Logger, metrics: Metrics) {
  return {
    companyRegistered(companyId: CompanyId, created: boolean): void {
      logger.info(created ? 'Company registered' : 'Company re-registered', { companyId });
    },
    qrIssued(companyId: CompanyId, sequence: number): void {
      metrics.qrGenerations.inc();
      logger.info('QR code issued', { companyId, sequence });
    },
    sessionChanged(companyId: CompanyId, state: SessionState, detail: string | undefined): void {
      if (detail !== 'credentials_unreadable')
        return logger.info('WhatsApp session state changed', { companyId, state, detail });
      metrics.whatsappAlerts.inc({ cause: detail });
      logger.error('WhatsApp credentials unreadable, kept for inspection', {
        companyId,
        state,
        detail,
      });
    },
    /** Of the whole store: told once, not once a session. */
    credentialsSaveFailed(error: unknown): void {
      metrics.outages.set({ name: 'credentials' }, 1);
      metrics.whatsappAlerts.inc({ cause: 'credentials_not_saved' });
      logger.error('WhatsApp credentials not saved: sessions paused on the last stored credentials', {
        error,
      });
    },
    credentialsSaveRecovered(lastedMs: number): void {
      metrics.outages.set({ name: 'credentials' }, 0);
      logger.info('WhatsApp credential storage recovered', { lastedMs: Math.round(lastedMs) });
    },
    reencryptionStarted(values: number): void {
      logger.info('Re-encrypting values under the primary key', { values });
    },
    /** @param result `unreadable` values stay as they are: their key is gone or they are damaged */
    reencryptionFinished(
      result: Readonly<{ reencrypted: number; unreadable: number; staleCount: number }>,
    ): void {
      if (result.staleCount === 0)
        return logger.info('Re-encryption completed: all stored values use the primary key', result);
      const level = result.unreadable > 0 ? 'error' : 'warn';
      logger[level]('Re-encryption incomplete: values still use other keys, do not remove a key yet', result);
    },
    /** @param version of WhatsApp Web that it announces */
    socketOpening(companyId: CompanyId, version: string): void {
      metrics.whatsappSockets.inc({ version });
      logger.info('WhatsApp socket opening', { companyId, version });
    },
    socketClosed(companyId: CompanyId, close: SocketClose): void {
      const { code, detail, alert, ...rest } = close;
      metrics.whatsappCloses.inc({ code: closeCodeLabel(code) });
      if (!alert) return logger.info('WhatsApp socket closed', { companyId, code, detail, ...rest });
      metrics.whatsappAlerts.inc({ cause: detail === 'flapping' ? detail : closeCodeLabel(code) });
      logger.error('WhatsApp session requires attention', { companyId, code, detail, ...rest });
    },
    /** Of the whole fleet: told once, not once a session. */
    clientVersionRefused(version: string, isConfigured: boolean): void {
      metrics.whatsappAlerts.inc({ cause: 'client_version' });
      const remedy = isConfigured
        ? 'pinned by WHATSAPP_VERSION, set a newer version or unset it'
        : 'fetching a newer version; WHATSAPP_VERSION overrides it';
      logger.error(`WhatsApp client version rejected: ${remedy}`, { version });
    },
    clientVersionReplaced(before: string, version: string): void {
      logger.warn('WhatsApp client version updated', { before, version });
    },
    /** A session that looks connected hears nothing, or hears again. */
    watchdogAction(companyId: CompanyId, action: WatchdogAction, silentMs: number): void {
      metrics.whatsappWatchdogActions.inc({ action });
      const { level, message } = watchdogLogLines[action];
      if (action === 'alert') metrics.whatsappAlerts.inc({ cause: 'deaf' });
      logger[level](message, { companyId, silentMinutes: Math.round(silentMs / 60_000) });
    },
    integrationChanged(companyId: CompanyId, status: IntegrationStatus, cause: string): void {
      logger.info('Integration changed', { companyId, status, cause });
    },
    /** Of one company and one resource: a burst is one line, since lines would cost more than the writing. */
    webhooksAccepted(
      companyId: CompanyId,
      resource: string,
      jobIds: readonly string[],
      outcome: 'stored' | 'spooled',
    ): void {
      metrics.webhooksReceived.inc({ resource: resourceLabel(resource), outcome }, jobIds.length);
      for (let start = 0; start < jobIds.length; start += maxIdsPerLine) {
        const batch = jobIds.slice(start, start + maxIdsPerLine);
        logger.info('Webhooks accepted', {
          companyId,
          resource: resourceLabel(resource),
          outcome,
          jobIds: batch,
        });
      }
    },
    /** Neither the database nor the disk takes them: the sender was told to come back. */
    webhooksRefused(count: number, error: unknown): void {
      metrics.webhooksReceived.inc({ resource: 'other', outcome: 'refused' }, count);
      logger.error('Webhooks refused: database and spool unavailable', { count, error });
    },
    webhookProcessed(companyId: CompanyId, jobId: string, outcome: string, recordId?: number): void {
      logger.info('Webhook processed', { companyId, jobId, outcome, recordId });
    },
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
    /** @param answer `silent`: WhatsApp did not say why it refused a message, so that new chats wait a day at most */
    chatRestrictionStarted(companyId: CompanyId, endsAt: Date, answer: string): void {
      logger.warn('New-chat restriction started', { companyId, endsAt: endsAt.toISOString(), answer });
    },
    chatRestrictionLifted(companyId: CompanyId): void {
      logger.info('New-chat restriction lifted', { companyId });
    },
    settingsChanged(companyId: CompanyId): void {
      logger.info('Settings changed', { companyId });
    },
    activationFailed(companyId: CompanyId, error: unknown): void {
      logger.warn('Activation failed, retry scheduled', { companyId, error });
    },
    activationRefused(companyId: CompanyId): void {
      logger.error('Activation refused by YCLIENTS until the owner reconnects', { companyId });
    },
    /** A job failed for good: somebody should look at it. Its data stays among the dead letters. */
    jobDeadLettered(queue: string, companyId: CompanyId | undefined, jobId: string, error: unknown): void {
      logger.error('Job dead-lettered', { queue, companyId, jobId, error });
    },
    /** Acknowledged and kept, but none of the platform's known shapes. */
    webhookQuarantined(companyId: CompanyId | undefined, jobId: string, reason: string): void {
      logger.warn('Webhook quarantined', { companyId, jobId, reason });
    },
    clientReplied(companyId: CompanyId, what: string, recordId?: number): void {
      logger.info('Client reply processed', { companyId, what, recordId });
    },
    textReceived(companyId: CompanyId, receivedId: string): void {
      metrics.received.inc();
      logger.info('Message received', { companyId, receivedId });
    },
    receivedMessagesErased(count: number): void {
      logger.info('Expired received messages deleted', { count });
    },
    /** To the company's own webhook. */
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
    /** A text waits for the others of its company. */
    forwardingBusy(): void {
      metrics.forwards.inc({ outcome: 'busy' });
    },
    /** A text waits for a receiver that fails again and again. */
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
    /** The answer is ours alone: the platform does not let us write it into the record. */
    writeBackRefused(companyId: CompanyId, recordId: number, error: unknown): void {
      logger.warn('Write-back refused', { companyId, recordId, error });
    },
    reconciled(companyId: CompanyId, read: number, news: number): void {
      logger.info('Bookings reconciled', { companyId, read, news });
    },
    /** The platform posts no events of the salon to us: somebody has edited its list of addresses. */
    webhookUrlChecked(companyId: CompanyId, isRegistered: boolean): void {
      if (isRegistered) logger.info('Webhook URL restored in the salon', { companyId });
      else logger.error('Webhook URL missing in the salon', { companyId });
    },
    spoolDamaged(segment: string, lines: number): void {
      logger.error('Spool segment corrupted, file quarantined', { segment, lines });
    },
    breakerChanged(group: string, state: 'open' | 'closed'): void {
      metrics.breakerOpen.set({ name: group }, state === 'open' ? 1 : 0);
      const level = state === 'open' ? 'error' : 'info';
      logger[level]('YCLIENTS circuit breaker state changed', { group, state });
    },
    outageBegan(what: string, error: unknown): void {
      metrics.outages.set({ name: what }, 1);
      logger.error(`${what}: database unavailable, retrying`, { error });
    },
    outageEnded(what: string, lastedMs: number): void {
      metrics.outages.set({ name: what }, 0);
      logger.info(`${what}: database recovered`, { lastedMs: Math.round(lastedMs) });
    },
    /** Work that nobody waits for went wrong: a bug or a dependency that is down. */
    failed(what: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
      logger.error(`${what} failed`, { ...fields, error });
    },
  };
}

type WatchdogAction = keyof typeof watchdogLogLines;

const watchdogLogLines = {
  probe: { level: 'info', message: 'Silent WhatsApp session probed' },
  answered: { level: 'info', message: 'Silent WhatsApp session responded' },
  renew: { level: 'warn', message: 'WhatsApp session receives nothing, socket replaced' },
  alert: { level: 'error', message: 'WhatsApp session receives nothing after socket replacement' },
  recovered: { level: 'info', message: 'WhatsApp session receiving again' },
} as const;

type LoggedMessage = Pick<Message, 'companyId' | 'id' | 'whatsappMessageId' | 'kind' | 'recordId'>;

/** By any of these a line finds the others of its message. */
function messageFields({ companyId, id, whatsappMessageId, kind, recordId }: LoggedMessage) {
  return { companyId, messageId: id, whatsappMessageId, kind, recordId };
}

/** WhatsApp chooses the code: only those in the ranges of its codes may become a label. */
function closeCodeLabel(code: number | string): string {
  const isOutOfRange = typeof code === 'number' && (code < 400 || code > 599);
  return isOutOfRange ? 'other' : String(code);
}

/** The sender chooses the word: only known ones may become a label or reach the log. */
function resourceLabel(resource: string): string {
  return isPlatformResource(resource) ? resource : 'other';
}
