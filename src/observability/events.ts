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
      logger.info(created ? 'Company registered' : 'Company opened again', { companyId });
    },
    qrIssued(companyId: CompanyId, sequence: number): void {
      metrics.qrGenerations.inc();
      logger.info('QR code issued', { companyId, sequence });
    },
    sessionChanged(companyId: CompanyId, state: SessionState, detail: string | undefined): void {
      if (detail !== 'credentials_unreadable')
        return logger.info('WhatsApp session changed', { companyId, state, detail });
      metrics.whatsappAlerts.inc({ cause: detail });
      logger.error('The credentials of a WhatsApp session cannot be read, they are kept', {
        companyId,
        state,
        detail,
      });
    },
    /** Of the whole store: told once, not once a session. */
    credentialsSaveFailed(error: unknown): void {
      metrics.outages.set({ name: 'credentials' }, 1);
      metrics.whatsappAlerts.inc({ cause: 'credentials_not_saved' });
      logger.error('WhatsApp credentials cannot be saved: sessions wait with the last good ones', { error });
    },
    credentialsSaveRecovered(lastedMs: number): void {
      metrics.outages.set({ name: 'credentials' }, 0);
      logger.info('WhatsApp credentials can be saved again', { lastedMs: Math.round(lastedMs) });
    },
    reencryptionStarted(values: number): void {
      logger.info('Values under other encryption keys are sealed anew', { values });
    },
    /** @param result `unreadable` values stay as they are: their key is gone or they are damaged */
    reencryptionFinished(
      result: Readonly<{ reencrypted: number; unreadable: number; staleCount: number }>,
    ): void {
      if (result.staleCount === 0)
        return logger.info('All stored values are under the first encryption key', result);
      const level = result.unreadable > 0 ? 'error' : 'warn';
      logger[level]('Values stay under other encryption keys: do not remove a key yet', result);
    },
    /** @param version of WhatsApp Web that it announces */
    socketOpening(companyId: CompanyId, version: string): void {
      metrics.whatsappSockets.inc({ version });
      logger.info('A WhatsApp socket opens', { companyId, version });
    },
    socketClosed(companyId: CompanyId, close: SocketClose): void {
      const { code, detail, alert, ...rest } = close;
      metrics.whatsappCloses.inc({ code: closeCodeLabel(code) });
      if (!alert) return logger.info('A WhatsApp socket closed', { companyId, code, detail, ...rest });
      metrics.whatsappAlerts.inc({ cause: detail === 'flapping' ? detail : closeCodeLabel(code) });
      logger.error('A WhatsApp session needs a look', { companyId, code, detail, ...rest });
    },
    /** Of the whole fleet: told once, not once a session. */
    clientVersionRefused(version: string, isConfigured: boolean): void {
      metrics.whatsappAlerts.inc({ cause: 'client_version' });
      const remedy = isConfigured
        ? 'WHATSAPP_VERSION sets it and is never replaced: set a newer one, or remove it'
        : 'looking for a newer one; WHATSAPP_VERSION sets one by hand';
      logger.error(`WhatsApp refuses the client version: ${remedy}`, { version });
    },
    clientVersionReplaced(before: string, version: string): void {
      logger.warn('WhatsApp is told another client version from now on', { before, version });
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
      logger.error('Webhooks refused: neither the database nor the disk takes them', { count, error });
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
      logger.info('Message sending', { ...messageFields(message), attempt: message.attempts });
    },
    messageStatus(message: LoggedMessage & Pick<Message, 'status' | 'errorCode'>): void {
      const { kind, status, errorCode } = message;
      metrics.messages.inc({ kind, status });
      const isFailure = status === 'failed' || status === 'unknown' || errorCode !== undefined;
      const level = isFailure ? 'warn' : 'info';
      logger[level]('Message status', { ...messageFields(message), status, errorCode });
    },
    /** @param answer `silent`: WhatsApp did not say why it refused a message, so that new chats wait a day at most */
    chatRestrictionStarted(companyId: CompanyId, endsAt: Date, answer: string): void {
      logger.warn('WhatsApp restricts new chats', { companyId, endsAt: endsAt.toISOString(), answer });
    },
    chatRestrictionLifted(companyId: CompanyId): void {
      logger.info('New chats wait no longer', { companyId });
    },
    settingsChanged(companyId: CompanyId): void {
      logger.info('Settings changed', { companyId });
    },
    activationFailed(companyId: CompanyId, error: unknown): void {
      logger.warn('Activation failed, it will be tried again', { companyId, error });
    },
    activationRefused(companyId: CompanyId): void {
      logger.error('The platform refuses the activation until the owner connects again', { companyId });
    },
    /** A job failed for good: somebody should look at it. Its data stays among the dead letters. */
    jobDeadLettered(queue: string, companyId: CompanyId | undefined, jobId: string, error: unknown): void {
      logger.error('Job buried', { queue, companyId, jobId, error });
    },
    /** Acknowledged and kept, but none of the platform's known shapes. */
    webhookQuarantined(companyId: CompanyId | undefined, jobId: string, reason: string): void {
      logger.warn('Webhook quarantined', { companyId, jobId, reason });
    },
    clientReplied(companyId: CompanyId, what: string, recordId?: number): void {
      logger.info('Client answered', { companyId, what, recordId });
    },
    textReceived(companyId: CompanyId, receivedId: string): void {
      metrics.received.inc();
      logger.info('Text received', { companyId, receivedId });
    },
    receivedMessagesErased(count: number): void {
      logger.info('Old received messages erased', { count });
    },
    /** To the company's own webhook. */
    forwarded(
      companyId: CompanyId,
      receivedId: string,
      delivery: Readonly<{ outcome: 'delivered' | 'gone' | 'failed'; reason?: string }>,
    ): void {
      const { outcome, reason } = delivery;
      metrics.forwards.inc({ outcome });
      logger[outcome === 'delivered' ? 'info' : 'warn']('Text forwarded', {
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
      logger.error('Outgoing webhook disabled: its receiver answered 410', { companyId });
    },
    outgoingWebhookFailing(companyId: CompanyId, reason: string): void {
      logger.error('Outgoing webhook has been failing for days', { companyId, reason });
    },
    /** The answer is ours alone: the platform does not let us write it into the record. */
    writeBackRefused(companyId: CompanyId, recordId: number, error: unknown): void {
      logger.warn('Write-back refused', { companyId, recordId, error });
    },
    reconciled(companyId: CompanyId, read: number, news: number): void {
      logger.info('Records reconciled', { companyId, read, news });
    },
    /** The platform posts no events of the salon to us: somebody has edited its list of addresses. */
    webhookUrlChecked(companyId: CompanyId, isRegistered: boolean): void {
      if (isRegistered) logger.info('Webhook address is back in the salon', { companyId });
      else logger.error('Webhook address is missing in the salon', { companyId });
    },
    spoolDamaged(segment: string, lines: number): void {
      logger.error('Lines of the spool cannot be read, the file is kept aside', { segment, lines });
    },
    breakerChanged(group: string, state: 'open' | 'closed'): void {
      metrics.breakerOpen.set({ name: group }, state === 'open' ? 1 : 0);
      const level = state === 'open' ? 'error' : 'info';
      logger[level]('The circuit to YCLIENTS changed', { group, state });
    },
    outageBegan(what: string, error: unknown): void {
      metrics.outages.set({ name: what }, 1);
      logger.error(`${what} does not get through to the database, waiting`, { error });
    },
    outageEnded(what: string, lastedMs: number): void {
      metrics.outages.set({ name: what }, 0);
      logger.info(`${what} goes on`, { lastedMs: Math.round(lastedMs) });
    },
    /** Work that nobody waits for went wrong: a bug or a dependency that is down. */
    failed(what: string, error: unknown, fields: Readonly<Record<string, unknown>> = {}): void {
      logger.error(`${what} failed`, { ...fields, error });
    },
  };
}

type WatchdogAction = keyof typeof watchdogLogLines;

const watchdogLogLines = {
  probe: { level: 'info', message: 'A silent WhatsApp session is probed' },
  answered: { level: 'info', message: 'A silent WhatsApp session has answered' },
  renew: { level: 'warn', message: 'A WhatsApp session hears nothing, it gets a new socket' },
  alert: { level: 'error', message: 'A WhatsApp session hears nothing, also over a new socket' },
  recovered: { level: 'info', message: 'A WhatsApp session hears again' },
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
