import type { ConnectionState, WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../../domain/ids.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { SessionState, SessionStatus } from '../../domain/company/session-state.ts';
import type { Lease } from '../../ports/ports.ts';
import type { Logger } from '../../observability/logger.ts';
import { UnreadableCredentialsError, type CredentialsError } from '../credentials/auth-state.ts';
import { ConnectionSlot } from './connection-slot.ts';
import type { Connection, ConnectionHandlers } from '../connection/connection.ts';
import type { Disconnect } from './disconnect-policy.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import { Linking } from '../pairing/login-state.ts';
import { MessageSender } from '../messages/message-sender.ts';
import { openConnection, type SessionWiring } from '../connection/open-connection.ts';
import type { Pairing } from '../pairing/pairing.ts';
import { Retirement } from './retirement.ts';
import { Retries } from './reconnect-scheduler.ts';
import { RetryCounters } from '../connection/message-retry-cache.ts';
import { SessionCloses } from './disconnect-history.ts';
import type { SessionDependencies, SessionListener } from './dependencies.ts';
import { alreadyConnecting, leasedElsewhere, whyNotPair, whyPairingEnded } from './errors.ts';
import { StatusBoard, wordsAtRest, wordsLoggedOut, wordsUnerased } from './status.ts';

/**
 * The WhatsApp session of one company: at most one socket at a time, under the company's lease. Methods that change it are
 * called one at a time; what a socket says after it was replaced changes nothing.
 */
export class Session {
  readonly sender: MessageSender;
  readonly #companyId: CompanyId;
  readonly #dependencies: SessionDependencies;
  readonly #listener: SessionListener;
  readonly #logger: Logger;
  readonly #lease: LeaseKeeper;
  readonly #retries: Retries;
  readonly #closes: SessionCloses;
  readonly #board: StatusBoard;
  readonly #linking: Linking;
  readonly #slot = new ConnectionSlot();
  readonly #retirement: Retirement;

  constructor(companyId: CompanyId, dependencies: SessionDependencies, listener: SessionListener) {
    this.#companyId = companyId;
    this.#dependencies = dependencies;
    this.#listener = listener;
    this.#logger = dependencies.logger.child({ companyId });
    this.sender = new MessageSender(dependencies.timings.lookupTimeoutMs);
    this.#lease = new LeaseKeeper(companyId, dependencies.lease, () => this.#leaseLost());
    this.#linking = new Linking(dependencies.timings.qrLifetimeMs, dependencies.now);
    this.#retries = new Retries(dependencies, (attempt) => this.#later(attempt));
    this.#closes = new SessionCloses(companyId, dependencies, this.#retries);
    this.#retirement = new Retirement(dependencies.credentials, this.#slot, this.#logger);
    this.#board = new StatusBoard(dependencies.now, listener.stateChanged);
  }

  get status(): SessionStatus {
    return this.#board.status;
  }

  get lease(): Lease | undefined {
    return this.#lease.lease;
  }

  get pairing(): Pairing | undefined {
    return this.#linking.pairing;
  }

  get sock(): WASocket | undefined {
    return this.#slot.current?.sock;
  }

  /** The socket, while messages may go out on it. */
  get openSock(): WASocket | undefined {
    return this.status.state === 'connected' && this.lease !== undefined ? this.sock : undefined;
  }

  /**
   * Opens a pairing socket unless one is open.
   * @throws AppError `FORBIDDEN` when connected, `CONNECTION_FAILED` when a linked session is on its way up
   */
  async pair(): Promise<void> {
    if (this.pairing !== undefined) return;
    const refusal = whyNotPair(this.status.state);
    if (refusal !== undefined) throw refusal;
    if ((await this.#leaseForSocket()) === undefined) throw leasedElsewhere();
    this.#linking.begin();
    this.#closes.reset();
    this.#board.set('pairing');
    await this.#connect();
  }

  /** Its turn to be restored will come: nobody may start a pairing meanwhile. */
  announceRestore(): void {
    this.#board.set('connecting');
  }

  /** Resolves when an attempt to connect has ended in some way, or after the time. */
  async settled(timeoutMs: number): Promise<void> {
    if (this.status.state === 'connecting') await this.#board.change(timeoutMs);
  }

  /** Opens the session with the credentials it has; without any it stays idle. Waits for its lease if need be. */
  async restore(): Promise<void> {
    if (this.#slot.current !== undefined || this.pairing !== undefined) return;
    this.#board.set('connecting');
    await this.#connect();
  }

  /** Unlinks the device, erases its credentials. @throws AppError `CONNECTION_FAILED`, or what the store throws, at rest */
  async logout(): Promise<void> {
    const lease = this.lease ?? (await this.#lease.acquire());
    if (lease === undefined) throw leasedElsewhere();
    const before = this.status;
    if (this.openSock !== undefined)
      await this.#slot.current?.unlink(this.#dependencies.timings.logoutTimeoutMs);
    try {
      await this.#slot.drain();
      await this.#dependencies.credentials.erase(lease);
    } catch (error) {
      await this.#rest(...wordsUnerased(before, error));
      throw error;
    }
    await this.#rest(...wordsLoggedOut(before));
    const isNews = this.status.state === 'logged_out' && before.state !== 'logged_out';
    if (isNews) this.#listener.disconnected('requested', false);
  }

  /** Closes the socket and gives the lease back; the device stays linked. */
  async stop(): Promise<void> {
    await this.#rest(...wordsAtRest(this.status, 'stopped', 'shutdown'));
  }

  /** Ends a pairing that nobody finished, and what it left half made. @throws what the store throws, at rest all the same */
  async abandon(): Promise<void> {
    const words = wordsAtRest(this.status, 'idle', 'unused');
    try {
      await this.#retirement.ofHalfMade(this.lease ?? (await this.#lease.acquire()));
    } finally {
      await this.#rest(...words);
    }
  }

  connectionChanged(sock: WASocket, update: Partial<ConnectionState>): void {
    if (this.sock === sock) this.#slot.current?.changed(update);
  }

  readonly #handlers: ConnectionHandlers = {
    qr: (text, turn) => {
      const code = this.pairing?.issue(text, turn);
      if (code === undefined) return;
      this.#board.set('pairing');
      this.#listener.qrIssued(code);
    },
    passkeyDemanded: () => {
      this.#linking.end(whyPairingEnded('passkey_required'));
      this.#board.set('passkey_required', 'passkey');
    },
    linked: () => {
      this.#linking.linked();
      this.#board.set('connecting', 'linked');
    },
    open: ({ sock, phone }) => {
      const firstTime = this.#linking.loggedIn();
      this.#board.set('connected', undefined, phone);
      this.#listener.connected(sock, { phone, firstTime });
    },
    closed: (connection, disconnect) =>
      this.#later(async () => {
        if (connection === this.#slot.current) await this.#goOn(connection, disconnect);
      }),
  };

  readonly #wiring: SessionWiring = {
    retryCounters: new RetryCounters(),
    credentialsFailed: (error) => this.#credentialsFailed(error),
    handlers: this.#handlers,
  };

  async #goOn(connection: Connection, disconnect: Disconnect): Promise<void> {
    // Whoever took the session over may have the right to: then it is theirs.
    if (disconnect.code === 440 && !(await this.#lease.verify())) return;
    const { isLinked } = connection.auth;
    const { next, credentials, state, detail } = this.#closes.decide(connection, disconnect);
    this.#slot.retire();
    this.pairing?.withdraw();
    if (next.action === 'restart') return this.#connect(connection);
    const ends = next.action === 'stop';
    if (ends) {
      if (credentials !== 'keep') await this.#retirement.ofRefused(credentials, this.lease);
      this.#linking.allowReplacement(credentials === 'keep' && isLinked);
      await this.#rest(state, detail);
    } else {
      this.#board.set(state, detail);
      this.#retries.schedule(() => this.#connect(), next);
    }
    if (connection.wasOpen || (ends && isLinked)) this.#listener.disconnected(detail, !ends);
  }

  /** @param linked its fresh identity must be on disk before it is used */
  async #connect(linked?: Connection): Promise<void> {
    this.#retries.cancel();
    await this.#attempt(async () => {
      await linked?.auth.flush();
      const lease = await this.#leaseForSocket();
      if (lease === undefined) return this.#waitForLease();
      const open = () => this.#attempt(() => this.#openUnder(lease));
      const isAwaited = linked !== undefined || this.pairing !== undefined;
      await (isAwaited ? open() : this.#retries.inTurn(open));
    });
  }

  async #attempt(open: () => Promise<void>): Promise<void> {
    try {
      await open();
    } catch (error) {
      this.#logger.error('The WhatsApp session could not be opened', { error });
      if (error instanceof UnreadableCredentialsError) return this.#unreadable();
      if (this.pairing !== undefined) return this.#rest('idle', 'store_unavailable');
      this.#board.set('reconnecting', 'store_unavailable');
      this.#retries.schedule(() => this.#connect());
    }
  }

  /**
   * Each socket has a grant of its own: what was under way on the one before is known by its older token and taken up
   * again. That socket's writes end first, since the store refuses an older token.
   */
  async #leaseForSocket(): Promise<Lease | undefined> {
    await this.#slot.drain();
    return this.#lease.acquire();
  }

  async #openUnder(lease: Lease): Promise<void> {
    const { purpose } = this.#linking;
    const connection = await openConnection(lease, purpose, this.#dependencies, this.#wiring);
    if (connection === undefined) return this.#rest('idle');
    if (purpose === 'replace') this.#linking.allowReplacement(false);
    this.#slot.fill(connection);
    if (this.lease !== lease) {
      this.#slot.retire();
      return this.#waitForLease();
    }
    if (this.pairing !== undefined && connection.auth.isLinked) {
      // Another instance linked it meanwhile, or it was not restored yet.
      this.#linking.end(alreadyConnecting());
      this.#board.set('connecting');
    }
    this.#listener.socketCreated(connection.sock, connection.auth);
  }

  async #unreadable(): Promise<void> {
    this.#linking.allowReplacement(true);
    await this.#rest('stopped', 'credentials_unreadable');
  }

  async #waitForLease(): Promise<void> {
    if (this.pairing !== undefined) return this.#rest('idle', 'leased_elsewhere');
    this.#board.set('stopped', 'leased_elsewhere');
    this.#retries.scheduleForLease(() => this.#connect());
  }

  #leaseLost(): void {
    const isLinked = this.#slot.current?.auth.isLinked ?? this.pairing === undefined;
    this.#slot.current?.auth.refuseWrites();
    this.#slot.retire();
    this.#linking.end(leasedElsewhere());
    this.#board.set('stopped', 'lease_lost');
    this.#listener.disconnected('lease_lost', isLinked);
    if (isLinked) this.#retries.scheduleForLease(() => this.#connect());
  }

  #credentialsFailed(error: CredentialsError): void {
    this.#logger.error(error.message, { error });
    if (error.cause instanceof LeaseLostError) return this.#lease.lost();
    const connection = this.#slot.current;
    connection?.end();
    this.#later(async () => {
      if (connection === undefined || connection !== this.#slot.current) return;
      if (error instanceof UnreadableCredentialsError) return this.#unreadable();
      this.#slot.retire();
      this.#board.set('reconnecting', 'credentials_not_saved');
      this.#retries.schedule(() => this.#connect());
    });
  }

  /** Stops working until somebody asks for something. */
  async #rest(state: SessionState, detail?: string): Promise<void> {
    this.#retries.cancel();
    await this.#slot.drain();
    this.#linking.end(whyPairingEnded(state, detail));
    this.#board.set(state, detail);
    await this.#lease.release();
  }

  #later(change: () => Promise<void>): void {
    this.#dependencies
      .exclusive(this.#companyId, change)
      .catch((error: unknown) => this.#logger.error('A change of the WhatsApp session failed', { error }));
  }
}
