import { makeWASocket, type CacheStore } from '@whiskeysockets/baileys';
import type { Lease } from '../../ports/sessions.ts';
import { installSocketPatches } from '../baileys-patches/install.ts';
import { AuthState, type CredentialsError } from '../credentials/auth-state.ts';
import { firstQrLifetimeMs } from '../pairing/pairing.ts';
import type { SessionDeps } from '../session/dependencies.ts';
import { toWAVersion, formatClientVersion } from './client-version.ts';
import { Connection, type ConnectionHandlers } from './connection.ts';
import { socketConfig } from './socket-config.ts';

/**
 * `restore` logs in with the stored identity, `pair` creates a new one unless a linked one is stored, `replace` erases
 * whatever is stored, readable or not, and creates a new one.
 */
export type ConnectionPurpose = 'restore' | 'pair' | 'replace';

export type OpenConnectionOptions = Readonly<{
  purpose: ConnectionPurpose;
  /** Shared by all sockets of a session. */
  messageRetryCache: CacheStore;
  onCredentialsError: (error: CredentialsError) => void;
  handlers: ConnectionHandlers;
}>;

/**
 * Opens a socket with the stored credentials of the lease's company.
 * @returns undefined when there is nothing to restore; credentials of an unfinished pairing are erased then
 * @throws UnreadableCredentialsError, LeaseLostError, or the store's error
 */
export async function openConnection(
  lease: Lease,
  deps: SessionDeps,
  { purpose, messageRetryCache, onCredentialsError, handlers }: OpenConnectionOptions,
): Promise<Connection | undefined> {
  const { credentials, clientVersion, webSocketUrl, timeouts, logger, report, getSentText, monotonicMs } =
    deps;
  if (purpose === 'replace') await credentials.erase(lease);
  const auth = await AuthState.open(credentials, lease, onCredentialsError);
  if (purpose === 'restore' && !auth.isLinked) {
    await credentials.erase(lease);
    return undefined;
  }
  const version = clientVersion.current;
  report.socketOpening(lease.companyId, formatClientVersion(version));
  const config = socketConfig({
    auth,
    version: toWAVersion(version),
    webSocketUrl,
    timeouts,
    logger: logger.child({ companyId: lease.companyId }),
    messageRetryCache,
    monotonicMs,
    getSentText: (id) => getSentText(lease.companyId, id),
  });
  const sock = makeWASocket(config);
  installSocketPatches(sock, lease.companyId, {
    auth,
    decryptedMessageCache: deps.decryptedMessageCache,
    logger,
  });
  return new Connection(sock, auth, {
    version,
    responseTimeoutMs: timeouts.responseTimeoutMs,
    qrLifetimeMs: timeouts.qrLifetimeMs ?? firstQrLifetimeMs,
    passkeyTimeoutMs: timeouts.passkeyTimeoutMs,
    monotonicMs,
    handlers,
    onEndError: (error) => logger.warn('WhatsApp socket close failed', { error }),
    onSecretRotationError: (error) => logger.warn('ADV secret refresh acknowledgement failed', { error }),
  });
}
