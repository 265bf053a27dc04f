import { EventEmitter } from 'node:events';
import { generateMessageIDV2, type WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../domain/ids.ts';
import { phoneFrom } from '../domain/company/phone.ts';
import type { ReachoutTimelock } from '../domain/notification/restriction.ts';
import type { SessionState, SessionStatus } from '../domain/company/session-state.ts';
import { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import type { Logger } from '../observability/logger.ts';
import type { AuthState } from './credentials/auth-state.ts';
import {
  ClientVersion,
  type ClientVersionStore,
  type ClientVersionNumber,
  type ClientVersionOptions,
} from './connection/client-version.ts';
import { CredentialStore, type CredentialRepository } from './credentials/credential-store.ts';
import { createDecryptedMessageCache } from './baileys-patches/decrypted-message-cache.ts';
import { watchDeliveryReceipts } from './messages/delivery-receipts.ts';
import { type Disconnect, ForcedDisconnectError } from './session/disconnect-policy.ts';
import { watchInboundStanzas } from './watchdog/probe.ts';
import { PairingLimit } from './pairing/pairing-limit.ts';
import { installProcessPatches } from './baileys-patches/install.ts';
import { watchIncomingMessages } from './messages/incoming-messages.ts';
import type { SessionDependencies, SessionReport } from './session/dependencies.ts';
import { notConnected } from './session/errors.ts';
import {
  activeSessions,
  countSessionsByState,
  evictUnlinkedSessions,
  restoreAll,
} from './session-registry.ts';
import { Session } from './session/session.ts';
import { ReachoutTimelocks } from './messages/reachout-timelock.ts';
import { defaultTimeouts, type SessionTimeouts } from './timeouts.ts';
import type { Lease, PairingCode, QrCode, WhatsApp, WhatsAppEvents, Leases } from '../ports/sessions.ts';
import { PairingCodeRequests, obtainPairingCode, requirePairing } from './pairing/pairing-code.ts';
import { ReconnectRateLimiter } from './session/reconnect-scheduler.ts';
import type { Keyring } from '../crypto/keyring.ts';

const testMessage =
  'WhatsApp подключён: отсюда клиенты будут получать сообщения о записях.\n' +
  'WhatsApp is connected: clients will receive messages about their bookings from here.';

/** The WhatsApp sessions of all companies. Operations of one company run one after another. */
export class BaileysManager extends EventEmitter<WhatsAppEvents> implements WhatsApp, AsyncDisposable {
  readonly #sessions = new Map<CompanyId, Session>();
  readonly #operations = new KeyedMutex<CompanyId>();
  readonly #closing = new AbortController();
  readonly #credentials: CredentialStore;
  readonly #timeouts: SessionTimeouts;
  readonly #reachoutTimelocks: ReachoutTimelocks;
  readonly #logger: Logger;
  readonly #startedAt: Date;
  readonly #libraryPatches: Disposable;
  readonly #clientVersion: ClientVersion;
  readonly #sessionDeps: SessionDependencies;
  readonly #pairingLimit: PairingLimit;
  readonly #pairingCodeRequests = new PairingCodeRequests();

  constructor(options: BaileysManagerOptions) {
    super();
    const { leases, owner, logger, report, now, monotonicMs, random } = options;
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
    this.#reachoutTimelocks = new ReachoutTimelocks(this.#timeouts.lookupTimeoutMs);
    this.#pairingLimit = new PairingLimit(this.#timeouts.maxPairings);
    this.#credentials = new CredentialStore(options.credentialRepository, options.keyring);
    this.#logger = logger;
    this.#libraryPatches = installProcessPatches(logger);
    this.#startedAt = now();
    this.#clientVersion = new ClientVersion({
      configured: options.version,
      store: options.versionStore,
      fetchLatest: options.fetchLatestVersion,
      report,
      monotonicMs,
    });
    this.#sessionDeps = {
      credentials: this.#credentials,
      lease: {
        leases,
        owner,
        timings: { ttlMs: this.#timeouts.leaseTtlMs, renewIntervalMs: this.#timeouts.leaseRenewIntervalMs },
        monotonicMs,
        logger,
      },
      clientVersion: this.#clientVersion,
      reconnectRateLimiter: new ReconnectRateLimiter(this.#timeouts.reconnectsPerSecond, monotonicMs),
      report,
      webSocketUrl: options.webSocketUrl,
      decryptedMessageCache: createDecryptedMessageCache(),
      timeouts: this.#timeouts,
      logger,
      now,
      monotonicMs,
      random,
      getSentText: options.getMessage,
      runExclusive: (companyId, operation) => this.#operations.run(companyId, operation),
    };
  }

  /**
   * Begins to restore every company that has credentials, with no new QR code. Resolves as soon as all of them are
   * `connecting`; how each one ends is told by its `state` events.
   */
  async initializeManager(): Promise<void> {
    await this.#clientVersion.load();
    const companies = await this.#credentials.companies();
    for (const companyId of companies) this.#session(companyId).markRestorePending();
    const restoring = restoreAll({
      companies,
      signal: this.#closing.signal,
      restore: (companyId) => this.#restore(companyId),
    });
    this.#runInBackground('WhatsApp session restore', restoring);
  }

  async generateQRForCompany(companyId: CompanyId): Promise<QrCode> {
    await this.createNewSession(companyId);
    return requirePairing(this.#session(companyId)).waitForQr(this.#timeouts.firstQrTimeoutMs);
  }

  async requestPairingCode(companyId: CompanyId, phone: string): Promise<PairingCode> {
    const number = phoneFrom(phone);
    const deps = {
      session: () => this.#session(companyId),
      runExclusive: (operation: () => Promise<void>) => this.#operations.run(companyId, operation),
      startPairing: () => this.createNewSession(companyId),
      publishCode: (code: PairingCode) => this.#emitSafely(() => this.emit('pairing-code', companyId, code)),
      timeouts: this.#timeouts,
    };
    return await this.#pairingCodeRequests.run(companyId, number, () => obtainPairingCode(number, deps));
  }

  /** Opens a pairing socket for the company unless one is open. @throws AppError */
  async createNewSession(companyId: CompanyId): Promise<void> {
    if (this.#closing.signal.aborted) throw notConnected();
    await this.#operations.run(companyId, () =>
      this.#pairingLimit.start(companyId, this.#sessions, () => this.#session(companyId).pair()),
    );
  }

  /** Listens to a socket that was opened for the company, with the credentials it uses. */
  setupEventHandlers(companyId: CompanyId, sock: WASocket, creds: AuthState): void {
    const session = this.#session(companyId);
    sock.ev.on('creds.update', () => {
      // The session hears of a failure from the credentials themselves.
      creds.saveCreds().catch(() => undefined);
    });
    sock.ev.on('connection.update', (update) => session.handleConnectionUpdate(sock, update));
    watchDeliveryReceipts(sock, (update) => {
      if (session.sock === sock) this.#emitSafely(() => this.emit('message-status', companyId, update));
    });
    watchInboundStanzas(sock, () => {
      if (session.sock === sock) this.#emitSafely(() => this.emit('inbound', companyId));
    });
    this.#reachoutTimelocks.watch(sock, (lock, source) => {
      if (session.sock === sock)
        this.#emitSafely(() => this.emit('reachout-timelock', companyId, lock, source));
    });
    watchIncomingMessages(sock, {
      // Also from a socket that was replaced meanwhile: WhatsApp does not say it again.
      report: (message) => this.#emitSafely(() => this.emit('received', companyId, message)),
      onError: (error) => this.#logger.warn('Sender lookup failed', { companyId, error }),
    });
  }

  /** Writes to the salon's own chat, so that its owner sees that it works. @throws AppError `CONNECTION_FAILED` */
  async sendTestMessage(sock: WASocket, companyId: CompanyId): Promise<void> {
    await this.#session(companyId).sender.sendToSelf(sock, testMessage);
  }

  async sendMessage(
    companyId: CompanyId,
    phone: string,
    text: string,
    options: Readonly<{ messageId?: string; typingMs?: number }> = {},
  ): Promise<Readonly<{ messageId: string }>> {
    const number = this.formatPhoneNumber(phone);
    const session = this.#sessions.get(companyId);
    const sock = session?.openSocket;
    if (session === undefined || sock === undefined) throw notConnected();
    const messageId = options.messageId ?? generateMessageIDV2(sock.authState.creds.me?.id);
    const errorCode = await session.sender.send(sock, number, text, {
      messageId,
      typingMs: options.typingMs ?? 0,
    });
    if (errorCode === undefined)
      this.#emitSafely(() => this.emit('message-dispatched', companyId, messageId));
    else {
      const update = { whatsappMessageId: messageId, status: 'failed', errorCode } as const;
      this.#emitSafely(() => this.emit('message-status', companyId, update));
    }
    return { messageId };
  }

  /** `8 (900) 123-45-67` → `+79001234567`. @throws AppError `VALIDATION_ERROR` */
  formatPhoneNumber(phone: string): string {
    return phoneFrom(phone);
  }

  getSessionStatus(companyId: CompanyId): SessionStatus {
    return this.#sessions.get(companyId)?.status ?? { state: 'idle', since: this.#startedAt };
  }

  async fetchReachoutTimelock(companyId: CompanyId): Promise<ReachoutTimelock | undefined> {
    const sock = this.#sessions.get(companyId)?.openSocket;
    return sock && this.#reachoutTimelocks.query(sock);
  }

  async disconnectSession(companyId: CompanyId): Promise<void> {
    await this.#operations.run(companyId, () => this.#session(companyId).logout());
  }

  /** Ends and forgets the sessions that no phone has linked for half an hour. */
  async evictUnlinkedSessions(): Promise<void> {
    const cutoff = new Date(this.#sessionDeps.now().getTime() - this.#timeouts.unlinkedTtlMs);
    await evictUnlinkedSessions({
      sessions: this.#sessions,
      operations: this.#operations,
      cutoff,
      logger: this.#logger,
    });
  }

  /** The socket of the company, while messages may go out on it. */
  getOpenSocket(companyId: CompanyId): WASocket | undefined {
    return this.#sessions.get(companyId)?.openSocket;
  }

  /** Gives the open socket up, for a new one if the reason allows one. */
  dropSocket(companyId: CompanyId, reason: Disconnect): void {
    const session = this.#sessions.get(companyId);
    const sock = session?.openSocket;
    if (session === undefined || sock === undefined) return;
    const error = new ForcedDisconnectError(reason);
    session.handleConnectionUpdate(sock, {
      connection: 'close',
      lastDisconnect: { error, date: new Date() },
    });
  }

  /** Erases the credentials that were set aside a week ago. */
  async eraseQuarantined(): Promise<void> {
    await this.#credentials.eraseQuarantined();
  }

  getActiveSessions(): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[] {
    return activeSessions(this.#sessions);
  }

  /** How many of the sessions known here are in each state, those that rest included. */
  countByState(): Partial<Record<SessionState, number>> {
    return countSessionsByState(this.#sessions);
  }

  getLease(companyId: CompanyId): Lease | undefined {
    return this.#sessions.get(companyId)?.lease;
  }

  /** Closes every socket and gives every lease back. The devices stay linked. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(
      [...this.#sessions].map(([companyId, session]) =>
        this.#operations.run(companyId, () => session.stop()),
      ),
    );
    this.#libraryPatches[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #session(companyId: CompanyId): Session {
    const existing = this.#sessions.get(companyId);
    if (existing !== undefined) return existing;
    const session = new Session(companyId, this.#sessionDeps, {
      onSocketCreated: (sock, auth) => this.setupEventHandlers(companyId, sock, auth),
      onStateChange: (status) => this.#emitSafely(() => this.emit('state', companyId, status)),
      onQr: (code) => this.#emitSafely(() => this.emit('qr', companyId, code)),
      onDisconnected: (reason, willReconnect) =>
        this.#emitSafely(() => this.emit('disconnected', companyId, reason, willReconnect)),
      onConnected: (sock, opened) => {
        this.#emitSafely(() => this.emit('connected', companyId, opened));
        if (!opened.firstTime) return;
        this.#runInBackground('Test message', this.sendTestMessage(sock, companyId));
      },
    });
    this.#sessions.set(companyId, session);
    return session;
  }

  async #restore(companyId: CompanyId): Promise<void> {
    await this.#operations.run(companyId, () => this.#session(companyId).restore());
    await this.#session(companyId).settled(this.#timeouts.responseTimeoutMs);
  }

  /** A listener that throws must not stop the session that it listens to. */
  #emitSafely(emit: () => void): void {
    try {
      emit();
    } catch (error) {
      this.#logger.error('WhatsApp event listener failed', { error });
    }
  }

  #runInBackground(description: string, task: Promise<void>): void {
    task.catch((error: unknown) => this.#logger.error(`${description} failed`, { error }));
  }
}

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
