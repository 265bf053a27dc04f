import { makeWASocket, type CacheStore } from '@whiskeysockets/baileys';
import type { Lease } from '../../ports/ports.ts';
import { AuthState, type CredentialsError } from '../credentials/auth-state.ts';
import { keepChatKeys } from '../baileys-patches/signal-transactions.ts';
import { forBaileys, textOf } from './client-version.ts';
import { Connection, type ConnectionHandlers } from './connection.ts';
import { rememberDecrypted } from '../baileys-patches/decrypted-message-cache.ts';
import { keepMessageOrder } from '../baileys-patches/per-sender-order.ts';
import { firstQrLifetimeMs } from '../pairing/pairing.ts';
import type { SessionDependencies } from '../session/dependencies.ts';
import { socketOptions } from './socket-config.ts';

/** What a session keeps from socket to socket. */
export type SessionWiring = Readonly<{
  retryCounters: CacheStore;
  credentialsFailed: (error: CredentialsError) => void;
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
  dependencies: SessionDependencies,
  session: SessionWiring,
): Promise<Connection | undefined> {
  const { credentials, clientVersion, webSocketUrl, timings, logger, report, sentText, monotonicNow } =
    dependencies;
  if (purpose === 'replace') await credentials.erase(lease);
  const auth = await AuthState.open(credentials, lease, session.credentialsFailed);
  if (purpose === 'restore' && !auth.isLinked) {
    await credentials.erase(lease);
    return undefined;
  }
  const version = clientVersion.current;
  report.socketOpening(lease.companyId, textOf(version));
  const options = socketOptions({
    auth,
    version: forBaileys(version),
    webSocketUrl,
    timings,
    logger: logger.child({ companyId: lease.companyId }),
    retryCounters: session.retryCounters,
    monotonicNow,
    sentText: (id) => sentText(lease.companyId, id),
  });
  const sock = makeWASocket(options);
  keepMessageOrder(sock.ws, (error) => logger.warn('A received message failed', { error }));
  keepChatKeys(sock, auth);
  rememberDecrypted(sock, lease.companyId, dependencies.decryptedBefore);
  return new Connection(sock, auth, {
    version,
    answerTimeoutMs: timings.answerTimeoutMs,
    qrLifetimeMs: timings.qrLifetimeMs ?? firstQrLifetimeMs,
    passkeyWaitMs: timings.passkeyWaitMs,
    monotonicNow,
    handlers: session.handlers,
    endFailed: (error) => logger.warn('A WhatsApp socket did not close cleanly', { error }),
    renewalFailed: (error) => logger.warn('A new pairing secret was not acknowledged', { error }),
  });
}
