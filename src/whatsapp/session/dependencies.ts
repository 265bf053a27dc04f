import type { EventEmitter } from 'node:events';
import type { CompanyId } from '../../domain/ids.ts';
import type { BusinessEvents } from '../../observability/events.ts';
import type { Logger } from '../../observability/logger.ts';
import type { WhatsAppEvents } from '../../ports/sessions.ts';
import type { DecryptedMessageCache } from '../baileys-patches/decrypted-message-cache.ts';
import type { ClientVersion } from '../connection/client-version.ts';
import type { CredentialStore } from '../credentials/credential-store.ts';
import type { SessionTimeouts } from '../timeouts.ts';
import type { LeaseKeeperDeps } from './lease-keeper.ts';
import type { ReconnectRateLimiter } from './reconnect-scheduler.ts';

export type SessionReport = Pick<BusinessEvents, 'socketOpening' | 'socketClosed'>;

/** Collaborators that all sessions of a `BaileysManager` share. */
export type SessionDeps = Readonly<{
  credentials: CredentialStore;
  leaseKeeperDeps: LeaseKeeperDeps;
  clientVersion: ClientVersion;
  reconnectRateLimiter: ReconnectRateLimiter;
  report: SessionReport;
  /** undefined: WhatsApp's own. */
  webSocketUrl: string | undefined;
  decryptedMessageCache: DecryptedMessageCache;
  timeouts: SessionTimeouts;
  logger: Logger;
  now: () => Date;
  monotonicMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
  /** The text sent under a message id; undefined when it is no longer stored. */
  getSentText: (companyId: CompanyId, whatsappMessageId: string) => Promise<string | undefined>;
  /** Runs an operation on the company's session after the pending ones. */
  runExclusive: (companyId: CompanyId, operation: () => Promise<void>) => Promise<void>;
  /** Notifies the manager's listeners; never throws. */
  emit: EventEmitter<WhatsAppEvents>['emit'];
}>;
