import type { WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../../domain/ids.ts';
import type { SessionStatus } from '../../domain/company/session-state.ts';
import type { QrCode } from '../../ports/ports.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Logger } from '../../observability/logger.ts';
import type { AuthState } from '../credentials/auth-state.ts';
import type { ClientVersion } from '../connection/client-version.ts';
import type { CredentialStore } from '../credentials/credential-store.ts';
import type { DecryptedBefore } from '../baileys-patches/decrypted-message-cache.ts';
import type { LeaseKeeperOptions } from './lease-keeper.ts';
import type { ReconnectBudget } from './reconnect-budget.ts';
import type { SessionTimings } from '../timeouts.ts';

export type SessionReport = Pick<BusinessEvents, 'socketOpening' | 'socketClosed'>;

/** What every session needs from the manager. */
export type SessionDependencies = Readonly<{
  credentials: CredentialStore;
  lease: LeaseKeeperOptions;
  clientVersion: ClientVersion;
  /** Shared by all sessions. */
  budget: ReconnectBudget;
  report: SessionReport;
  webSocketUrl: string | undefined;
  decryptedBefore: DecryptedBefore;
  timings: SessionTimings;
  logger: Logger;
  now: () => Date;
  monotonicNow: () => number;
  random: () => number;
  sentText: (companyId: CompanyId, whatsappMessageId: string) => Promise<string | undefined>;
  /** Runs a change of the company's session after the changes before it. */
  exclusive: (companyId: CompanyId, change: () => Promise<void>) => Promise<void>;
}>;

/** Whom a session tells what happened to it. */
export type SessionListener = Readonly<{
  socketCreated: (sock: WASocket, auth: AuthState) => void;
  stateChanged: (status: SessionStatus) => void;
  qrIssued: (code: QrCode) => void;
  connected: (sock: WASocket, opened: Readonly<{ phone: string; firstTime: boolean }>) => void;
  disconnected: (reason: string, willReconnect: boolean) => void;
}>;
