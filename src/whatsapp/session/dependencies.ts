import type { WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../../domain/ids.ts';
import type { SessionStatus } from '../../domain/company/session-state.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Logger } from '../../observability/logger.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import type { ClientVersion } from '../connection/client-version.ts';
import type { CredentialStore } from '../credentials/credential-store.ts';
import type { DecryptedMessageCache } from '../baileys-patches/decrypted-message-cache.ts';
import type { LeaseKeeperOptions } from './lease-keeper.ts';
import type { SessionTimeouts } from '../timeouts.ts';
import type { QrCode } from '../../ports/sessions.ts';
import type { ReconnectRateLimiter } from './reconnect-scheduler.ts';

export type SessionReport = Pick<BusinessEvents, 'socketOpening' | 'socketClosed'>;

/** What every session needs from the manager. */
export type SessionDependencies = Readonly<{
  credentials: CredentialStore;
  lease: LeaseKeeperOptions;
  clientVersion: ClientVersion;
  /** Shared by all sessions. */
  reconnectRateLimiter: ReconnectRateLimiter;
  report: SessionReport;
  webSocketUrl: string | undefined;
  decryptedMessageCache: DecryptedMessageCache;
  timeouts: SessionTimeouts;
  logger: Logger;
  now: () => Date;
  monotonicMs: () => number;
  random: () => number;
  getSentText: (companyId: CompanyId, whatsappMessageId: string) => Promise<string | undefined>;
  /** Runs a change of the company's session after the changes before it. */
  runExclusive: (companyId: CompanyId, operation: () => Promise<void>) => Promise<void>;
}>;

/** Whom a session tells what happened to it. */
export type SessionListener = Readonly<{
  onSocketCreated: (sock: WASocket, auth: AuthState) => void;
  onStateChange: (status: SessionStatus) => void;
  onQr: (code: QrCode) => void;
  onConnected: (sock: WASocket, opened: Readonly<{ phone: string; firstTime: boolean }>) => void;
  onDisconnected: (reason: string, willReconnect: boolean) => void;
}>;
