import type { CompanyId } from '../domain/ids.ts';
import type { Keyring } from '../crypto/keyring.ts';
import type { Logger } from '../observability/logger.ts';
import type {
  ClientVersionStore,
  ClientVersionNumber,
  ClientVersionOptions,
} from './connection/client-version.ts';
import type { CredentialRepository } from './credentials/credential-store.ts';
import type { SessionReport } from './session/dependencies.ts';
import type { SessionTimeouts } from './timeouts.ts';
import type { Leases } from '../ports/sessions.ts';

export type BaileysManagerOptions = Readonly<{
  credentialRepository: CredentialRepository;
  keyring: Keyring;
  leases: Leases;
  /** Name of this instance in leases. The same name after a restart gets its sessions back at once. */
  owner: string;
  logger: Logger;
  report: SessionReport & ClientVersionOptions['report'];
  now: () => Date;
  /** Uniform in [0, 1). */
  random: () => number;
  /** Milliseconds of a clock that never jumps. */
  monotonicMs: () => number;
  /** The text that was sent under an id, for phones that could not decrypt it and ask again. */
  getMessage: (companyId: CompanyId, whatsappMessageId: string) => Promise<string | undefined>;
  /** Absent: WhatsApp's own. Whoever answers there is trusted; never take it from a tenant. */
  webSocketUrl?: string;
  /** The WhatsApp Web version to announce, come what may; absent: the library's, or a newer one once that is refused. */
  version?: ClientVersionNumber;
  /** Keeps the newer one. */
  versionStore?: ClientVersionStore;
  /** Asks for the newer one. */
  fetchLatestVersion?: () => Promise<ClientVersionNumber | undefined>;
  timeouts?: Partial<SessionTimeouts>;
}>;
