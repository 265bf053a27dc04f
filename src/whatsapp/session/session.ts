import type { WASocket } from '@whiskeysockets/baileys';
import type { SessionState, SessionStatus } from '../../domain/company/session-state.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Lease } from '../../ports/sessions.ts';
import type { Connection, ConnectionHandlers } from '../connection/connection.ts';
import { MessageRetryCache } from '../connection/message-retry-cache.ts';
import { openConnection } from '../connection/open-connection.ts';
import { AuthState, UnreadableCredentialsError, type CredentialsError } from '../credentials/auth-state.ts';
import { Messenger } from '../messages/messenger.ts';
import { LoginState } from '../pairing/login-state.ts';
import type { Pairing } from '../pairing/pairing.ts';
import type { SessionDeps } from './dependencies.ts';
import { DisconnectHistory } from './disconnect-history.ts';
import { ForcedDisconnectError, type Disconnect } from './disconnect-policy.ts';
import {
  alreadyConnectingError,
  leasedElsewhereError,
  pairingEndedError,
  pairingNotAllowedError,
} from './errors.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { ReconnectScheduler } from './reconnect-scheduler.ts';
import { SessionStatusTracker, stateAfterEraseFailure, stateAfterLogout, stateAtRest } from './status.ts';

/**
 * The WhatsApp session of one company: at most one socket at a time, under the company's lease. The caller serialises the
 * methods that change it. Connection updates of a replaced socket are ignored.
 */
export class Session {
  readonly messenger: Messenger;
  readonly #companyId: CompanyId;
  readonly #deps: SessionDeps;
  readonly #logger: Logger;
  readonly #statusTracker: SessionStatusTracker;
  readonly #leaseKeeper: LeaseKeeper;
  readonly #loginState: LoginState;
  readonly #reconnectScheduler: ReconnectScheduler;
  readonly #disconnectHistory: DisconnectHistory;
  readonly #messageRetryCache = new MessageRetryCache();
  #connection: Connection | undefined;
  /** Credentials of the connection that ended last: writes may still be in flight. */
  #closingAuth: AuthState | undefined;

  constructor(companyId: CompanyId, deps: SessionDeps) {
    const { timeouts, now, logger, leaseKeeperDeps } = deps;
    this.#companyId = companyId;
    this.#deps = deps;
    this.#logger = logger.child({ companyId });
    this.#statusTracker = new SessionStatusTracker(now, (status) => deps.emit('state', companyId, status));
    this.#leaseKeeper = new LeaseKeeper(companyId, leaseKeeperDeps, () => this.#handleLeaseLost());
    this.#loginState = new LoginState(timeouts.qrLifetimeMs, now);
    this.#reconnectScheduler = new ReconnectScheduler(deps, (attempt) => this.#enqueue(attempt));
    this.#disconnectHistory = new DisconnectHistory(companyId, deps, this.#reconnectScheduler);
    this.messenger = new Messenger(companyId, deps);
  }

  get status(): SessionStatus {
    return this.#statusTracker.status;
  }

  get lease(): Lease | undefined {
    return this.#leaseKeeper.lease;
  }

  get pairing(): Pairing | undefined {
    return this.#loginState.pairing;
  }

  get sock(): WASocket | undefined {
    return this.#connection?.sock;
  }

  /** The socket, if messages may be sent on it. */
  get connectedSocket(): WASocket | undefined {
    return this.status.state === 'connected' && this.lease !== undefined ? this.sock : undefined;
  }

  /**
   * Opens a pairing socket unless one is open.
   * @throws AppError `FORBIDDEN` when connected, `CONNECTION_FAILED` when a linked session is connecting
   */
  async pair(): Promise<void> {
    if (this.pairing !== undefined) return;
    const error = pairingNotAllowedError(this.status.state);
    if (error !== undefined) throw error;
    if ((await this.#acquireSocketLease()) === undefined) throw leasedElsewhereError();
    this.#loginState.beginPairing();
    this.#disconnectHistory.reset();
    this.#statusTracker.set('pairing');
    await this.#connect();
  }

  /** Sets `connecting` before `restore` runs, so that no pairing starts in between. */
  markRestorePending(): void {
    this.#statusTracker.set('connecting');
  }

  /** Connects with the stored credentials; stays idle without any. Retries while another instance has the lease. */
  async restore(): Promise<void> {
    if (this.#connection !== undefined || this.pairing !== undefined) return;
    this.#statusTracker.set('connecting');
    await this.#connect();
  }

  /** Resolves when the session leaves `connecting`, or after the timeout. */
  async waitWhileConnecting(timeoutMs: number): Promise<void> {
    if (this.status.state === 'connecting') await this.#statusTracker.waitForChange(timeoutMs);
  }

  /**
   * Unlinks the device and erases its credentials.
   * @throws AppError `CONNECTION_FAILED`, or the store's error; the session is parked in either case
   */
  async logout(): Promise<void> {
    const lease = this.lease ?? (await this.#leaseKeeper.acquire());
    if (lease === undefined) throw leasedElsewhereError();
    const previousStatus = this.status;
    if (this.connectedSocket !== undefined)
      await this.#connection?.unlink(this.#deps.timeouts.logoutTimeoutMs);
    try {
      await this.#drainConnection();
      await this.#deps.credentials.erase(lease);
    } catch (error) {
      await this.#park(...stateAfterEraseFailure(previousStatus, error));
      throw error;
    }
    await this.#park(...stateAfterLogout(previousStatus));
    const isNewLogout = this.status.state === 'logged_out' && previousStatus.state !== 'logged_out';
    if (isNewLogout) this.#deps.emit('disconnected', this.#companyId, 'requested', false);
  }

  /** Closes the socket and releases the lease; the device stays linked. */
  async stop(): Promise<void> {
    await this.#park(...stateAtRest(this.status, 'stopped', 'shutdown'));
  }

  /** Ends an unfinished pairing and erases its credentials. @throws the store's error, after the session is parked */
  async abandon(): Promise<void> {
    const finalState = stateAtRest(this.status, 'idle', 'unused');
    try {
      await this.#eraseUnlinkedCredentials(this.lease ?? (await this.#leaseKeeper.acquire()));
    } finally {
      await this.#park(...finalState);
    }
  }

  /** Closes the open socket; the reason decides whether a new one follows. */
  dropSocket(reason: Disconnect): void {
    if (this.connectedSocket === undefined) return;
    const lastDisconnect = { error: new ForcedDisconnectError(reason), date: this.#deps.now() };
    this.#connection?.handleUpdate({ connection: 'close', lastDisconnect });
  }

  /** Subscribes to a socket of this session. */
  listenTo(sock: WASocket, auth: AuthState): void {
    const isCurrent = (): boolean => this.sock === sock;
    sock.ev.on('creds.update', () => {
      // `auth` reports a failure through `#handleCredentialsError`.
      auth.saveCreds().catch(() => undefined);
    });
    sock.ev.on('connection.update', (update) => {
      if (isCurrent()) this.#connection?.handleUpdate(update);
    });
    this.messenger.listenTo(sock, isCurrent);
  }

  readonly #connectionHandlers: ConnectionHandlers = {
    onQr: (text, kind) => {
      const code = this.pairing?.issueQr(text, kind);
      if (code === undefined) return;
      this.#statusTracker.set('pairing');
      this.#deps.emit('qr', this.#companyId, code);
    },
    onPasskeyRequired: () => {
      this.#loginState.endPairing(pairingEndedError('passkey_required'));
      this.#statusTracker.set('passkey_required', 'passkey');
    },
    onLinked: () => {
      this.#loginState.markLinked();
      this.#statusTracker.set('connecting', 'linked');
    },
    onOpen: ({ sock, phone }) => {
      const firstTime = this.#loginState.completeLogin();
      this.#statusTracker.set('connected', undefined, phone);
      this.#deps.emit('connected', this.#companyId, { phone, firstTime });
      if (!firstTime) return;
      this.messenger
        .sendTestMessage(sock)
        .catch((error: unknown) => this.#logger.error('Test message failed', { error }));
    },
    onClosed: (connection, disconnect) =>
      this.#enqueue(async () => {
        if (connection === this.#connection) await this.#handleClose(connection, disconnect);
      }),
  };

  async #handleClose(connection: Connection, disconnect: Disconnect): Promise<void> {
    // 440: another instance may have taken over the lease and logged in.
    if (disconnect.code === 440 && !(await this.#leaseKeeper.verify())) return;
    const { isLinked } = connection.auth;
    const { next, credentials, state, detail } = this.#disconnectHistory.decide(connection, disconnect);
    this.#endConnection();
    this.pairing?.invalidateCodes();
    if (next.action === 'restart') return this.#connect(connection);
    const isFinal = next.action === 'stop';
    if (isFinal) {
      if (credentials !== 'keep') await this.#removeRefusedCredentials(credentials);
      this.#loginState.setReplacementAllowed(credentials === 'keep' && isLinked);
      await this.#park(state, detail);
    } else {
      this.#statusTracker.set(state, detail);
      this.#reconnectScheduler.schedule(() => this.#connect(), next);
    }
    if (connection.wasOpen || (isFinal && isLinked))
      this.#deps.emit('disconnected', this.#companyId, detail, !isFinal);
  }

  /** @param pairedConnection its new identity is saved before the next login */
  async #connect(pairedConnection?: Connection): Promise<void> {
    this.#reconnectScheduler.cancel();
    await this.#tryOpen(async () => {
      await pairedConnection?.auth.flush();
      const lease = await this.#acquireSocketLease();
      if (lease === undefined) return this.#waitForLease();
      const open = () => this.#tryOpen(() => this.#openWithLease(lease));
      const isPairing = pairedConnection !== undefined || this.pairing !== undefined;
      await (isPairing ? open() : this.#reconnectScheduler.runRateLimited(open));
    });
  }

  async #tryOpen(open: () => Promise<void>): Promise<void> {
    try {
      await open();
    } catch (error) {
      this.#logger.error('WhatsApp session open failed', { error });
      if (error instanceof UnreadableCredentialsError) return this.#handleUnreadableCredentials();
      if (this.pairing !== undefined) return this.#park('idle', 'store_unavailable');
      this.#statusTracker.set('reconnecting', 'store_unavailable');
      this.#reconnectScheduler.schedule(() => this.#connect());
    }
  }

  /**
   * A new lease token for each socket: messages dispatched under an older token are recognised and resent. Drains first,
   * because the store refuses writes under an older token.
   */
  async #acquireSocketLease(): Promise<Lease | undefined> {
    await this.#drainConnection();
    return this.#leaseKeeper.acquire();
  }

  async #openWithLease(lease: Lease): Promise<void> {
    const { purpose } = this.#loginState;
    const connection = await openConnection(lease, this.#deps, {
      purpose,
      messageRetryCache: this.#messageRetryCache,
      onCredentialsError: (error) => this.#handleCredentialsError(error),
      handlers: this.#connectionHandlers,
    });
    if (connection === undefined) return this.#park('idle');
    if (purpose === 'replace') this.#loginState.setReplacementAllowed(false);
    this.#connection = connection;
    if (this.lease !== lease) {
      this.#endConnection();
      return this.#waitForLease();
    }
    if (this.pairing !== undefined && connection.auth.isLinked) {
      // Another instance linked the company meanwhile, or the session was not restored yet.
      this.#loginState.endPairing(alreadyConnectingError());
      this.#statusTracker.set('connecting');
    }
    this.listenTo(connection.sock, connection.auth);
  }

  async #waitForLease(): Promise<void> {
    if (this.pairing !== undefined) return this.#park('idle', 'leased_elsewhere');
    this.#statusTracker.set('stopped', 'leased_elsewhere');
    this.#reconnectScheduler.scheduleLeaseRetry(() => this.#connect());
  }

  #handleLeaseLost(): void {
    const isLinked = this.#connection?.auth.isLinked ?? this.pairing === undefined;
    this.#connection?.auth.refuseWrites();
    this.#endConnection();
    this.#loginState.endPairing(leasedElsewhereError());
    this.#statusTracker.set('stopped', 'lease_lost');
    this.#deps.emit('disconnected', this.#companyId, 'lease_lost', isLinked);
    if (isLinked) this.#reconnectScheduler.scheduleLeaseRetry(() => this.#connect());
  }

  #handleCredentialsError(error: CredentialsError): void {
    this.#logger.error(error.message, { error });
    if (error.cause instanceof LeaseLostError) return this.#leaseKeeper.markLost();
    const connection = this.#connection;
    connection?.end();
    this.#enqueue(async () => {
      if (connection === undefined || connection !== this.#connection) return;
      if (error instanceof UnreadableCredentialsError) return this.#handleUnreadableCredentials();
      this.#endConnection();
      this.#statusTracker.set('reconnecting', 'credentials_not_saved');
      this.#reconnectScheduler.schedule(() => this.#connect());
    });
  }

  async #handleUnreadableCredentials(): Promise<void> {
    this.#loginState.setReplacementAllowed(true);
    await this.#park('stopped', 'credentials_unreadable');
  }

  /** After a failure the credentials stay: the next login is refused in the same way and removes them then. */
  async #removeRefusedCredentials(method: 'quarantine' | 'erase'): Promise<void> {
    const { lease } = this;
    try {
      await this.#drainConnection();
      if (lease !== undefined) await this.#deps.credentials[method](lease);
    } catch (error) {
      this.#logger.error('Refused credentials removal failed', { error });
    }
  }

  /** @throws UnreadableCredentialsError, or the store's error */
  async #eraseUnlinkedCredentials(lease: Lease | undefined): Promise<void> {
    const { credentials } = this.#deps;
    await this.#drainConnection();
    if (lease === undefined) return;
    const auth = await AuthState.open(credentials, lease, () => undefined);
    if (!auth.isLinked) await credentials.erase(lease);
  }

  /** Closes the connection, ends the pairing and releases the lease. Nothing is retried until the next request. */
  async #park(state: SessionState, detail?: string): Promise<void> {
    this.#reconnectScheduler.cancel();
    await this.#drainConnection();
    this.#loginState.endPairing(pairingEndedError(state, detail));
    this.#statusTracker.set(state, detail);
    await this.#leaseKeeper.release();
  }

  /** Ends the connection and waits for its writes, so that the next one reads the final credentials. */
  async #drainConnection(): Promise<void> {
    this.#endConnection();
    await this.#closingAuth?.close();
    this.#closingAuth = undefined;
  }

  /** Writes in flight may still finish. */
  #endConnection(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.#closingAuth = connection.auth;
    connection.end();
  }

  #enqueue(operation: () => Promise<void>): void {
    this.#deps
      .runExclusive(this.#companyId, operation)
      .catch((error: unknown) => this.#logger.error('WhatsApp session operation failed', { error }));
  }
}
