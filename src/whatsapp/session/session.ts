import type { ConnectionState, WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../../domain/ids.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { SessionState, SessionStatus } from '../../domain/company/session-state.ts';
import type { Logger } from '../../observability/logger.ts';
import { UnreadableCredentialsError, type CredentialsError } from '../credentials/auth-state.ts';
import { ConnectionSlot } from './connection-slot.ts';
import type { Connection, ConnectionHandlers } from '../connection/connection.ts';
import type { Disconnect } from './disconnect-policy.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { LoginState } from '../pairing/login-state.ts';
import { MessageSender } from '../messages/message-sender.ts';
import { openConnection, type SessionWiring } from '../connection/open-connection.ts';
import type { Pairing } from '../pairing/pairing.ts';
import { CredentialDisposal } from './retirement.ts';
import { ReconnectScheduler } from './reconnect-scheduler.ts';
import { MessageRetryCache } from '../connection/message-retry-cache.ts';
import { DisconnectHistory } from './disconnect-history.ts';
import type { SessionDependencies, SessionListener } from './dependencies.ts';
import { alreadyConnecting, leasedElsewhere, pairingNotAllowedError, pairingEndedError } from './errors.ts';
import { SessionStatusTracker, stateAtRest, stateAfterLogout, stateAfterEraseFailure } from './status.ts';
import type { Lease } from '../../ports/sessions.ts';

/**
 * The WhatsApp session of one company: at most one socket at a time, under the company's lease. Methods that change it are
 * called one at a time; what a socket says after it was replaced changes nothing.
 */
export class Session {
  readonly sender: MessageSender;
  readonly #companyId: CompanyId;
  readonly #deps: SessionDependencies;
  readonly #listener: SessionListener;
  readonly #logger: Logger;
  readonly #leaseKeeper: LeaseKeeper;
  readonly #reconnectScheduler: ReconnectScheduler;
  readonly #disconnectHistory: DisconnectHistory;
  readonly #statusTracker: SessionStatusTracker;
  readonly #loginState: LoginState;
  readonly #slot = new ConnectionSlot();
  readonly #credentialDisposal: CredentialDisposal;

  constructor(companyId: CompanyId, deps: SessionDependencies, listener: SessionListener) {
    this.#companyId = companyId;
    this.#deps = deps;
    this.#listener = listener;
    this.#logger = deps.logger.child({ companyId });
    this.sender = new MessageSender(deps.timeouts.lookupTimeoutMs);
    this.#leaseKeeper = new LeaseKeeper(companyId, deps.lease, () => this.#handleLeaseLost());
    this.#loginState = new LoginState(deps.timeouts.qrLifetimeMs, deps.now);
    this.#reconnectScheduler = new ReconnectScheduler(deps, (attempt) => this.#enqueue(attempt));
    this.#disconnectHistory = new DisconnectHistory(companyId, deps, this.#reconnectScheduler);
    this.#credentialDisposal = new CredentialDisposal(deps.credentials, this.#slot, this.#logger);
    this.#statusTracker = new SessionStatusTracker(deps.now, listener.onStateChange);
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
    return this.#slot.current?.sock;
  }

  /** The socket, while messages may go out on it. */
  get openSocket(): WASocket | undefined {
    return this.status.state === 'connected' && this.lease !== undefined ? this.sock : undefined;
  }

  /**
   * Opens a pairing socket unless one is open.
   * @throws AppError `FORBIDDEN` when connected, `CONNECTION_FAILED` when a linked session is on its way up
   */
  async pair(): Promise<void> {
    if (this.pairing !== undefined) return;
    const error = pairingNotAllowedError(this.status.state);
    if (error !== undefined) throw error;
    if ((await this.#acquireSocketLease()) === undefined) throw leasedElsewhere();
    this.#loginState.beginPairing();
    this.#disconnectHistory.reset();
    this.#statusTracker.set('pairing');
    await this.#connect();
  }

  /** Its turn to be restored will come: nobody may start a pairing meanwhile. */
  markRestorePending(): void {
    this.#statusTracker.set('connecting');
  }

  /** Resolves when an attempt to connect has ended in some way, or after the time. */
  async settled(timeoutMs: number): Promise<void> {
    if (this.status.state === 'connecting') await this.#statusTracker.waitForChange(timeoutMs);
  }

  /** Opens the session with the credentials it has; without any it stays idle. Waits for its lease if need be. */
  async restore(): Promise<void> {
    if (this.#slot.current !== undefined || this.pairing !== undefined) return;
    this.#statusTracker.set('connecting');
    await this.#connect();
  }

  /** Unlinks the device, erases its credentials. @throws AppError `CONNECTION_FAILED`, or what the store throws, at rest */
  async logout(): Promise<void> {
    const lease = this.lease ?? (await this.#leaseKeeper.acquire());
    if (lease === undefined) throw leasedElsewhere();
    const previousStatus = this.status;
    if (this.openSocket !== undefined) await this.#slot.current?.unlink(this.#deps.timeouts.logoutTimeoutMs);
    try {
      await this.#slot.drain();
      await this.#deps.credentials.erase(lease);
    } catch (error) {
      await this.#park(...stateAfterEraseFailure(previousStatus, error));
      throw error;
    }
    await this.#park(...stateAfterLogout(previousStatus));
    const isNewLogout = this.status.state === 'logged_out' && previousStatus.state !== 'logged_out';
    if (isNewLogout) this.#listener.onDisconnected('requested', false);
  }

  /** Closes the socket and gives the lease back; the device stays linked. */
  async stop(): Promise<void> {
    await this.#park(...stateAtRest(this.status, 'stopped', 'shutdown'));
  }

  /** Ends a pairing that nobody finished, and what it left half made. @throws what the store throws, at rest all the same */
  async abandon(): Promise<void> {
    const finalState = stateAtRest(this.status, 'idle', 'unused');
    try {
      await this.#credentialDisposal.eraseUnlinked(this.lease ?? (await this.#leaseKeeper.acquire()));
    } finally {
      await this.#park(...finalState);
    }
  }

  handleConnectionUpdate(sock: WASocket, update: Partial<ConnectionState>): void {
    if (this.sock === sock) this.#slot.current?.handleUpdate(update);
  }

  readonly #handlers: ConnectionHandlers = {
    onQr: (text, kind) => {
      const code = this.pairing?.issueQr(text, kind);
      if (code === undefined) return;
      this.#statusTracker.set('pairing');
      this.#listener.onQr(code);
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
      this.#listener.onConnected(sock, { phone, firstTime });
    },
    onClosed: (connection, disconnect) =>
      this.#enqueue(async () => {
        if (connection === this.#slot.current) await this.#handleClose(connection, disconnect);
      }),
  };

  readonly #wiring: SessionWiring = {
    messageRetryCache: new MessageRetryCache(),
    onCredentialsError: (error) => this.#handleCredentialsError(error),
    handlers: this.#handlers,
  };

  async #handleClose(connection: Connection, disconnect: Disconnect): Promise<void> {
    // Whoever took the session over may have the right to: then it is theirs.
    if (disconnect.code === 440 && !(await this.#leaseKeeper.verify())) return;
    const { isLinked } = connection.auth;
    const { next, credentials, state, detail } = this.#disconnectHistory.decide(connection, disconnect);
    this.#slot.endCurrent();
    this.pairing?.invalidateCodes();
    if (next.action === 'restart') return this.#connect(connection);
    const isFinal = next.action === 'stop';
    if (isFinal) {
      if (credentials !== 'keep') await this.#credentialDisposal.disposeRefused(credentials, this.lease);
      this.#loginState.setReplacementAllowed(credentials === 'keep' && isLinked);
      await this.#park(state, detail);
    } else {
      this.#statusTracker.set(state, detail);
      this.#reconnectScheduler.schedule(() => this.#connect(), next);
    }
    if (connection.wasOpen || (isFinal && isLinked)) this.#listener.onDisconnected(detail, !isFinal);
  }

  /** @param pairedConnection its fresh identity must be on disk before it is used */
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
   * Each socket has a grant of its own: what was under way on the one before is known by its older token and taken up
   * again. That socket's writes end first, since the store refuses an older token.
   */
  async #acquireSocketLease(): Promise<Lease | undefined> {
    await this.#slot.drain();
    return this.#leaseKeeper.acquire();
  }

  async #openWithLease(lease: Lease): Promise<void> {
    const { purpose } = this.#loginState;
    const connection = await openConnection(lease, purpose, this.#deps, this.#wiring);
    if (connection === undefined) return this.#park('idle');
    if (purpose === 'replace') this.#loginState.setReplacementAllowed(false);
    this.#slot.set(connection);
    if (this.lease !== lease) {
      this.#slot.endCurrent();
      return this.#waitForLease();
    }
    if (this.pairing !== undefined && connection.auth.isLinked) {
      // Another instance linked it meanwhile, or it was not restored yet.
      this.#loginState.endPairing(alreadyConnecting());
      this.#statusTracker.set('connecting');
    }
    this.#listener.onSocketCreated(connection.sock, connection.auth);
  }

  async #handleUnreadableCredentials(): Promise<void> {
    this.#loginState.setReplacementAllowed(true);
    await this.#park('stopped', 'credentials_unreadable');
  }

  async #waitForLease(): Promise<void> {
    if (this.pairing !== undefined) return this.#park('idle', 'leased_elsewhere');
    this.#statusTracker.set('stopped', 'leased_elsewhere');
    this.#reconnectScheduler.scheduleLeaseRetry(() => this.#connect());
  }

  #handleLeaseLost(): void {
    const isLinked = this.#slot.current?.auth.isLinked ?? this.pairing === undefined;
    this.#slot.current?.auth.refuseWrites();
    this.#slot.endCurrent();
    this.#loginState.endPairing(leasedElsewhere());
    this.#statusTracker.set('stopped', 'lease_lost');
    this.#listener.onDisconnected('lease_lost', isLinked);
    if (isLinked) this.#reconnectScheduler.scheduleLeaseRetry(() => this.#connect());
  }

  #handleCredentialsError(error: CredentialsError): void {
    this.#logger.error(error.message, { error });
    if (error.cause instanceof LeaseLostError) return this.#leaseKeeper.markLost();
    const connection = this.#slot.current;
    connection?.end();
    this.#enqueue(async () => {
      if (connection === undefined || connection !== this.#slot.current) return;
      if (error instanceof UnreadableCredentialsError) return this.#handleUnreadableCredentials();
      this.#slot.endCurrent();
      this.#statusTracker.set('reconnecting', 'credentials_not_saved');
      this.#reconnectScheduler.schedule(() => this.#connect());
    });
  }

  /** Stops working until somebody asks for something. */
  async #park(state: SessionState, detail?: string): Promise<void> {
    this.#reconnectScheduler.cancel();
    await this.#slot.drain();
    this.#loginState.endPairing(pairingEndedError(state, detail));
    this.#statusTracker.set(state, detail);
    await this.#leaseKeeper.release();
  }

  #enqueue(operation: () => Promise<void>): void {
    this.#deps
      .runExclusive(this.#companyId, operation)
      .catch((error: unknown) => this.#logger.error('WhatsApp session operation failed', { error }));
  }
}
