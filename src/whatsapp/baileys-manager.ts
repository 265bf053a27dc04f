import { EventEmitter } from 'node:events';
import { generateMessageIDV2, type WASocket } from '@whiskeysockets/baileys';
import type { CompanyId } from '../domain/ids.ts';
import { phoneFrom } from '../domain/company/phone.ts';
import type { TimeLock } from '../domain/notification/restriction.ts';
import type { SessionState, SessionStatus } from '../domain/company/session-state.ts';
import { KeyedQueue } from '../lib/async/keyed-mutex.ts';
import type { Lease, PairingCode, QrCode, WhatsApp, WhatsAppEvents } from '../ports/ports.ts';
import type { Logger } from '../observability/logger.ts';
import type { AuthState } from './credentials/auth-state.ts';
import type { BaileysManagerOptions } from './baileys-manager-options.ts';
import { ClientVersion } from './connection/client-version.ts';
import { CodeRequests } from './pairing/code-requests.ts';
import { CredentialStore } from './credentials/credential-store.ts';
import { decryptedBefore } from './baileys-patches/decrypted-message-cache.ts';
import { watchDelivery } from './messages/delivery-receipts.ts';
import { forgetUnlinked } from './forget-unlinked.ts';
import { type Disconnect, SocketGivenUpError } from './session/disconnect-policy.ts';
import { watchInbound } from './watchdog/probe.ts';
import { PairingLimit } from './pairing/pairing-limit.ts';
import { pairByCode, pairingOf } from './pairing/pairing-by-code.ts';
import { prepareLibraries } from './baileys-patches/install.ts';
import { watchReceived } from './messages/incoming-messages.ts';
import { ReconnectBudget } from './session/reconnect-budget.ts';
import { restoreAll } from './restore-all.ts';
import type { SessionDependencies } from './session/dependencies.ts';
import { notConnected } from './session/errors.ts';
import { activeAmong, countedByState } from './session-registry.ts';
import { Session } from './session/session.ts';
import { TimeLocks } from './messages/reachout-timelock.ts';
import { defaultTimings, type SessionTimings } from './timeouts.ts';

const testMessage =
  'WhatsApp подключён: отсюда клиенты будут получать сообщения о записях.\n' +
  'WhatsApp is connected: clients will receive messages about their bookings from here.';

/** The WhatsApp sessions of all companies. Operations of one company run one after another. */
export class BaileysManager extends EventEmitter<WhatsAppEvents> implements WhatsApp, AsyncDisposable {
  readonly #sessions = new Map<CompanyId, Session>();
  readonly #operations = new KeyedQueue<CompanyId>();
  readonly #closing = new AbortController();
  readonly #credentials: CredentialStore;
  readonly #timings: SessionTimings;
  readonly #timeLocks: TimeLocks;
  readonly #logger: Logger;
  readonly #startedAt: Date;
  readonly #rejections: Disposable;
  readonly #clientVersion: ClientVersion;
  readonly #dependencies: SessionDependencies;
  readonly #pairingLimit: PairingLimit;
  readonly #codeRequests = new CodeRequests();

  constructor(options: BaileysManagerOptions) {
    super();
    const { leases, owner, logger, report, now, monotonicNow, random } = options;
    this.#timings = { ...defaultTimings, ...options.timings };
    this.#timeLocks = new TimeLocks(this.#timings.lookupTimeoutMs);
    this.#pairingLimit = new PairingLimit(this.#timings.pairingsAtOnce);
    this.#credentials = new CredentialStore(options.rows, options.box);
    this.#logger = logger;
    this.#rejections = prepareLibraries(logger);
    this.#startedAt = now();
    this.#clientVersion = new ClientVersion({
      configured: options.version,
      memory: options.versionMemory,
      latest: options.latestVersion,
      report,
      monotonicNow,
    });
    this.#dependencies = {
      credentials: this.#credentials,
      lease: {
        leases,
        owner,
        timings: { ttlMs: this.#timings.leaseTtlMs, renewEveryMs: this.#timings.leaseRenewEveryMs },
        monotonicNow,
        logger,
      },
      clientVersion: this.#clientVersion,
      budget: new ReconnectBudget(this.#timings.reconnectsPerSecond, monotonicNow),
      report,
      webSocketUrl: options.webSocketUrl,
      decryptedBefore: decryptedBefore(),
      timings: this.#timings,
      logger,
      now,
      monotonicNow,
      random,
      sentText: options.getMessage,
      exclusive: (companyId, change) => this.#operations.run(companyId, change),
    };
  }

  /**
   * Begins to restore every company that has credentials, with no new QR code. Resolves as soon as all of them are
   * `connecting`; how each one ends is told by its `state` events.
   */
  async initializeManager(): Promise<void> {
    await this.#clientVersion.recall();
    const companies = await this.#credentials.companies();
    for (const companyId of companies) this.#session(companyId).announceRestore();
    const restoring = restoreAll({
      companies,
      signal: this.#closing.signal,
      restore: (companyId) => this.#restore(companyId),
    });
    this.#inBackground('Restoring the WhatsApp sessions', restoring);
  }

  async generateQRForCompany(companyId: CompanyId): Promise<QrCode> {
    await this.createNewSession(companyId);
    return pairingOf(this.#session(companyId)).liveCode(this.#timings.firstQrTimeoutMs);
  }

  async requestPairingCode(companyId: CompanyId, phone: string): Promise<PairingCode> {
    const number = phoneFrom(phone);
    const company = {
      session: () => this.#session(companyId),
      exclusive: (change: () => Promise<void>) => this.#operations.run(companyId, change),
      begin: () => this.createNewSession(companyId),
      tell: (code: PairingCode) => this.#tell(() => this.emit('pairing-code', companyId, code)),
      timings: this.#timings,
    };
    return await this.#codeRequests.run(companyId, number, () => pairByCode(number, company));
  }

  /** Opens a pairing socket for the company unless one is open. @throws AppError */
  async createNewSession(companyId: CompanyId): Promise<void> {
    if (this.#closing.signal.aborted) throw notConnected();
    await this.#operations.run(companyId, () =>
      this.#pairingLimit.begin(companyId, this.#sessions, () => this.#session(companyId).pair()),
    );
  }

  /** Listens to a socket that was opened for the company, with the credentials it uses. */
  setupEventHandlers(companyId: CompanyId, sock: WASocket, creds: AuthState): void {
    const session = this.#session(companyId);
    sock.ev.on('creds.update', () => {
      // The session hears of a failure from the credentials themselves.
      creds.saveCreds().catch(() => undefined);
    });
    sock.ev.on('connection.update', (update) => session.connectionChanged(sock, update));
    watchDelivery(sock, (update) => {
      if (session.sock === sock) this.#tell(() => this.emit('message-status', companyId, update));
    });
    watchInbound(sock, () => {
      if (session.sock === sock) this.#tell(() => this.emit('inbound', companyId));
    });
    this.#timeLocks.watch(sock, (lock, source) => {
      if (session.sock === sock) this.#tell(() => this.emit('time-lock', companyId, lock, source));
    });
    watchReceived(sock, {
      // Also from a socket that was replaced meanwhile: WhatsApp does not say it again.
      report: (message) => this.#tell(() => this.emit('received', companyId, message)),
      failed: (error) => this.#logger.warn('A sender could not be looked up', { companyId, error }),
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
    const sock = session?.openSock;
    if (session === undefined || sock === undefined) throw notConnected();
    const messageId = options.messageId ?? generateMessageIDV2(sock.authState.creds.me?.id);
    const errorCode = await session.sender.send(sock, number, text, {
      messageId,
      typingMs: options.typingMs ?? 0,
    });
    if (errorCode === undefined) this.#tell(() => this.emit('handed-over', companyId, messageId));
    else {
      const update = { whatsappMessageId: messageId, status: 'failed', errorCode } as const;
      this.#tell(() => this.emit('message-status', companyId, update));
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

  async askTimeLock(companyId: CompanyId): Promise<TimeLock | undefined> {
    const sock = this.#sessions.get(companyId)?.openSock;
    return sock && this.#timeLocks.ask(sock);
  }

  async disconnectSession(companyId: CompanyId): Promise<void> {
    await this.#operations.run(companyId, () => this.#session(companyId).logout());
  }

  /** Ends and forgets the sessions that no phone has linked for half an hour. */
  async forgetUnlinked(): Promise<void> {
    const before = new Date(this.#dependencies.now().getTime() - this.#timings.unlinkedKeptMs);
    await forgetUnlinked({
      sessions: this.#sessions,
      operations: this.#operations,
      before,
      logger: this.#logger,
    });
  }

  /** The socket of the company, while messages may go out on it. */
  openSocketOf(companyId: CompanyId): WASocket | undefined {
    return this.#sessions.get(companyId)?.openSock;
  }

  /** Gives the open socket up, for a new one if the reason allows one. */
  giveUpSocket(companyId: CompanyId, reason: Disconnect): void {
    const session = this.#sessions.get(companyId);
    const sock = session?.openSock;
    if (session === undefined || sock === undefined) return;
    const error = new SocketGivenUpError(reason);
    session.connectionChanged(sock, { connection: 'close', lastDisconnect: { error, date: new Date() } });
  }

  /** Erases the credentials that were set aside a week ago. */
  async eraseQuarantined(): Promise<void> {
    await this.#credentials.eraseQuarantined();
  }

  getActiveSessions(): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[] {
    return activeAmong(this.#sessions);
  }

  /** How many of the sessions known here are in each state, those that rest included. */
  countByState(): Partial<Record<SessionState, number>> {
    return countedByState(this.#sessions);
  }

  leaseOf(companyId: CompanyId): Lease | undefined {
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
    this.#rejections[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #session(companyId: CompanyId): Session {
    const existing = this.#sessions.get(companyId);
    if (existing !== undefined) return existing;
    const session = new Session(companyId, this.#dependencies, {
      socketCreated: (sock, auth) => this.setupEventHandlers(companyId, sock, auth),
      stateChanged: (status) => this.#tell(() => this.emit('state', companyId, status)),
      qrIssued: (code) => this.#tell(() => this.emit('qr', companyId, code)),
      disconnected: (reason, willReconnect) =>
        this.#tell(() => this.emit('disconnected', companyId, reason, willReconnect)),
      connected: (sock, opened) => {
        this.#tell(() => this.emit('connected', companyId, opened));
        if (!opened.firstTime) return;
        this.#inBackground('Sending the test message', this.sendTestMessage(sock, companyId));
      },
    });
    this.#sessions.set(companyId, session);
    return session;
  }

  async #restore(companyId: CompanyId): Promise<void> {
    await this.#operations.run(companyId, () => this.#session(companyId).restore());
    await this.#session(companyId).settled(this.#timings.answerTimeoutMs);
  }

  /** A listener that throws must not stop the session that it listens to. */
  #tell(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#logger.error('A listener of WhatsApp events failed', { error });
    }
  }

  #inBackground(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => this.#logger.error(`${what} failed`, { error }));
  }
}
