import { makeWASocket, type CacheStore } from '@whiskeysockets/baileys';
import { AuthState, type CredentialsError } from '../credentials/auth-state.ts';
import { installSocketPatches } from '../baileys-patches/install.ts';
import { toWAVersion, formatClientVersion } from './client-version.ts';
import { Connection, type ConnectionHandlers } from './connection.ts';
import { firstQrLifetimeMs } from '../pairing/pairing.ts';
import type { SessionDependencies } from '../session/dependencies.ts';
import { socketConfig } from './socket-config.ts';
import type { Lease } from '../../ports/sessions.ts';

/** What a session keeps from socket to socket. */
export type SessionWiring = Readonly<{
  messageRetryCache: CacheStore;
  onCredentialsError: (error: CredentialsError) => void;
  handlers: ConnectionHandlers;
}>;

/**
 * `restore` logs in, `pair` makes a new identity unless a linked one is stored, `replace` makes one whatever is stored,
 * be it readable or not.
 */
export type ConnectionPurpose = 'restore' | 'pair' | 'replace';

/**
 * Opens a socket with the stored credentials of the lease's company.
 * @returns undefined when there is nothing to restore; half-made credentials are erased then
 * @throws UnreadableCredentialsError, LeaseLostError, or what the store throws
 */
export async function openConnection(
  lease: Lease,
  purpose: ConnectionPurpose,
  deps: SessionDependencies,
  wiring: SessionWiring,
): Promise<Connection | undefined> {
  const { credentials, clientVersion, webSocketUrl, timeouts, logger, report, getSentText, monotonicMs } =
    deps;
  if (purpose === 'replace') await credentials.erase(lease);
  const auth = await AuthState.open(credentials, lease, wiring.onCredentialsError);
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
    messageRetryCache: wiring.messageRetryCache,
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
    handlers: wiring.handlers,
    onEndError: (error) => logger.warn('WhatsApp socket close failed', { error }),
    onSecretRotationError: (error) => logger.warn('ADV secret refresh acknowledgement failed', { error }),
  });
}
