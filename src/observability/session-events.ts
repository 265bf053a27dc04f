import type { SessionState } from '../domain/company/session-state.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';

/** How a socket to WhatsApp closed, and what follows. */
export type SocketClose = Readonly<{
  code: number | 'passkey' | 'deaf';
  /** `restart`, `reconnect`, `retry` or `stop`. */
  next: string;
  state: SessionState;
  detail: string;
  /** Whether an operator has to act. */
  alert: boolean;
}>;

const watchdogLogLines = {
  probe: { level: 'info', message: 'Silent WhatsApp session probed' },
  answered: { level: 'info', message: 'Silent WhatsApp session responded' },
  renew: { level: 'warn', message: 'WhatsApp session receives nothing, socket replaced' },
  alert: { level: 'error', message: 'WhatsApp session receives nothing after socket replacement' },
  recovered: { level: 'info', message: 'WhatsApp session receiving again' },
} as const;

type WatchdogAction = keyof typeof watchdogLogLines;

/** Events of WhatsApp sessions: pairing, sockets, credentials, the receive watchdog. */
export function createSessionEvents(logger: Logger, metrics: Metrics) {
  return {
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
    /** Once for an outage of the credential store, however many sessions it affects. */
    credentialsSaveFailed(error: unknown): void {
      metrics.outages.set({ name: 'credentials' }, 1);
      metrics.whatsappAlerts.inc({ cause: 'credentials_not_saved' });
      logger.error('WhatsApp credentials not saved: sessions paused on the last stored credentials', {
        error,
      });
    },
    credentialsSaveRecovered(durationMs: number): void {
      metrics.outages.set({ name: 'credentials' }, 0);
      logger.info('WhatsApp credential storage recovered', { lastedMs: Math.round(durationMs) });
    },
    /** @param version of WhatsApp Web that the socket announces */
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
    /** Once for each version, however many sessions WhatsApp refuses it to. */
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
    watchdogAction(companyId: CompanyId, action: WatchdogAction, silentMs: number): void {
      metrics.whatsappWatchdogActions.inc({ action });
      const { level, message } = watchdogLogLines[action];
      if (action === 'alert') metrics.whatsappAlerts.inc({ cause: 'deaf' });
      logger[level](message, { companyId, silentMinutes: Math.round(silentMs / 60_000) });
    },
  };
}

/** WhatsApp chooses the code: only codes in its usual range may become a label. */
function closeCodeLabel(code: number | string): string {
  const isOutOfRange = typeof code === 'number' && (code < 400 || code > 599);
  return isOutOfRange ? 'other' : String(code);
}
