import { EventEmitter } from 'node:events';
import type { WASocket } from '@whiskeysockets/baileys';
import type { Keyring } from '../crypto/keyring.ts';
import { phoneFrom } from '../domain/company/phone.ts';
import type { SessionState, SessionStatus } from '../domain/company/session-state.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { ReachoutTimelock } from '../domain/notification/restriction.ts';
import { KeyedMutex } from '../lib/async/keyed-mutex.ts';
import type { Logger } from '../observability/logger.ts';
import type { CredentialRepository } from '../ports/credentials.ts';
import type { Lease, Leases, PairingCode, QrCode, WhatsApp, WhatsAppEvents } from '../ports/sessions.ts';
import { createDecryptedMessageCache } from './baileys-patches/decrypted-message-cache.ts';
import { installProcessPatches } from './baileys-patches/install.ts';
import {
  ClientVersion,
  type ClientVersionDeps,
  type ClientVersionNumber,
  type ClientVersionStore,
} from './connection/client-version.ts';
import type { AuthState } from './credentials/auth-state.ts';
import { CredentialStore } from './credentials/credential-store.ts';
import { PairingCodeRequests, obtainPairingCode } from './pairing/pairing-code.ts';
import { PairingLimit } from './pairing/pairing-limit.ts';
import { requirePairing } from './pairing/pairing.ts';
import { SessionRegistry } from './session-registry.ts';
import type { SessionDeps, SessionReport } from './session/dependencies.ts';
import type { Disconnect } from './session/disconnect-policy.ts';
import { notConnectedError } from './session/errors.ts';
import { ReconnectRateLimiter } from './session/reconnect-scheduler.ts';
import { Session } from './session/session.ts';
import { defaultTimeouts, type SessionTimeouts } from './timeouts.ts';

/** All sessions together: 300 reconnect within 50 s. */
const defaultReconnectsPerSecond = 6;
const defaultMaxPairings = 100;

export type BaileysManagerDeps = Readonly<{
  credentialRepository: CredentialRepository;
  keyring: Keyring;
  leases: Leases;
  logger: Logger;
  report: SessionReport & ClientVersionDeps['report'];
  /** The text sent under a message id, for devices that could not decrypt it and request it again. */
  getSentText: (companyId: CompanyId, whatsappMessageId: string) => Promise<string | undefined>;
  /** Keeps the newest client version across restarts and instances. */
  versionStore?: ClientVersionStore;
  /** Fetches the newest client version after a refusal. */
  fetchLatestVersion?: () => Promise<ClientVersionNumber | undefined>;
  now: () => Date;
  monotonicMs: () => number;
  /** Uniform in [0, 1). */
  random: () => number;
}>;

export type BaileysManagerOptions = Readonly<{
  /** Name of this instance in leases. After a restart under the same name its leases are available at once. */
  owner: string;
  /** Default: WhatsApp's own. Trusted with all messages: never take it from a tenant. */
  webSocketUrl?: string;
  /** Pins the WhatsApp Web version. Default: the library's, or a newer one after that is refused. */
  version?: ClientVersionNumber;
  /** How many sockets all sessions together reopen in a second. */
  reconnectsPerSecond?: number;
  /** How many companies may pair at once. */
  maxPairings?: number;
  timeouts?: Partial<SessionTimeouts>;
}>;

/** The WhatsApp sessions of all companies. Operations on one company's session run one after another. */
export class BaileysManager extends EventEmitter<WhatsAppEvents> implements WhatsApp, AsyncDisposable {
  readonly #logger: Logger;
  readonly #now: () => Date;
  readonly #startedAt: Date;
  readonly #timeouts: SessionTimeouts;
  readonly #credentials: CredentialStore;
  readonly #clientVersion: ClientVersion;
  readonly #sessions: SessionRegistry;
  readonly #pairingLimit: PairingLimit;
  readonly #pairingCodeRequests = new PairingCodeRequests();
  readonly #processPatches: Disposable;
  readonly #closing = new AbortController();

  constructor(deps: BaileysManagerDeps, options: BaileysManagerOptions) {
    super();
    const { logger, report, now, monotonicMs, random } = deps;
    const { reconnectsPerSecond = defaultReconnectsPerSecond, maxPairings = defaultMaxPairings } = options;
    this.#logger = logger;
    this.#now = now;
    this.#startedAt = now();
    this.#timeouts = { ...defaultTimeouts, ...options.timeouts };
    this.#credentials = new CredentialStore(deps.credentialRepository, deps.keyring);
    this.#clientVersion = new ClientVersion({
      configured: options.version,
      store: deps.versionStore,
      fetchLatest: deps.fetchLatestVersion,
      report,
      monotonicMs,
    });
    const { leaseTtlMs: ttlMs, leaseRenewIntervalMs: renewIntervalMs } = this.#timeouts;
    const mutex = new KeyedMutex<CompanyId>();
    const sessionDeps: SessionDeps = {
      credentials: this.#credentials,
      leaseKeeperDeps: {
        leases: deps.leases,
        owner: options.owner,
        timeouts: { ttlMs, renewIntervalMs },
        monotonicMs,
        logger,
      },
      clientVersion: this.#clientVersion,
      reconnectRateLimiter: new ReconnectRateLimiter(reconnectsPerSecond, monotonicMs),
      report,
      webSocketUrl: options.webSocketUrl,
      decryptedMessageCache: createDecryptedMessageCache(),
      timeouts: this.#timeouts,
      logger,
      now,
      monotonicMs,
      random,
      getSentText: deps.getSentText,
      runExclusive: (companyId, operation) => mutex.run(companyId, operation),
      emit: this.#emitSafely,
    };
    this.#sessions = new SessionRegistry({
      createSession: (companyId) => new Session(companyId, sessionDeps),
      mutex,
      logger,
    });
    this.#pairingLimit = new PairingLimit(maxPairings);
    this.#processPatches = installProcessPatches(logger);
  }

  /**
   * Starts to restore every company with stored credentials; no QR code is needed. Resolves as soon as all of them are
   * `connecting`; `state` events report the outcome.
   */
  async initializeManager(): Promise<void> {
    await this.#clientVersion.load();
    const companies = await this.#credentials.companies();
    for (const companyId of companies) this.#sessions.getOrCreate(companyId).markRestorePending();
    const { signal } = this.#closing;
    this.#sessions
      .restoreAll(companies, { signal, slotTimeoutMs: this.#timeouts.responseTimeoutMs })
      .catch((error: unknown) => this.#logger.error('WhatsApp session restore failed', { error }));
  }

  async generateQRForCompany(companyId: CompanyId): Promise<QrCode> {
    await this.createNewSession(companyId);
    return requirePairing(this.#sessions.getOrCreate(companyId)).waitForQr(this.#timeouts.firstQrTimeoutMs);
  }

  async requestPairingCode(companyId: CompanyId, phone: string): Promise<PairingCode> {
    const number = phoneFrom(phone);
    const deps = {
      session: () => this.#sessions.getOrCreate(companyId),
      runExclusive: (operation: () => Promise<void>) => this.#sessions.runExclusive(companyId, operation),
      startPairing: () => this.createNewSession(companyId),
      publishCode: (code: PairingCode) => this.#emitSafely('pairing-code', companyId, code),
      timeouts: this.#timeouts,
    };
    return await this.#pairingCodeRequests.run(companyId, number, () => obtainPairingCode(number, deps));
  }

  /** Opens a pairing socket for the company unless one is open. @throws AppError */
  async createNewSession(companyId: CompanyId): Promise<void> {
    if (this.#closing.signal.aborted) throw notConnectedError();
    await this.#sessions.runExclusive(companyId, () =>
      this.#pairingLimit.start(companyId, this.#sessions.all, () =>
        this.#sessions.getOrCreate(companyId).pair(),
      ),
    );
  }

  /** Subscribes the company's session to a socket. A session does this for the sockets that it opens. */
  setupEventHandlers(companyId: CompanyId, sock: WASocket, creds: AuthState): void {
    this.#sessions.getOrCreate(companyId).listenTo(sock, creds);
  }

  /** Writes to the salon's own chat, so that its owner sees that messages arrive. @throws AppError `CONNECTION_FAILED` */
  async sendTestMessage(sock: WASocket, companyId: CompanyId): Promise<void> {
    await this.#sessions.getOrCreate(companyId).messenger.sendTestMessage(sock);
  }

  async sendMessage(
    companyId: CompanyId,
    phone: string,
    text: string,
    options: Readonly<{ messageId?: string; typingMs?: number }> = {},
  ): Promise<Readonly<{ messageId: string }>> {
    const number = this.formatPhoneNumber(phone);
    const session = this.#sessions.get(companyId);
    const sock = session?.connectedSocket;
    if (session === undefined || sock === undefined) throw notConnectedError();
    return await session.messenger.send(sock, number, text, options);
  }

  /** `8 (900) 123-45-67` → `+79001234567`. @throws AppError `VALIDATION_ERROR` */
  formatPhoneNumber(phone: string): string {
    return phoneFrom(phone);
  }

  getSessionStatus(companyId: CompanyId): SessionStatus {
    return this.#sessions.get(companyId)?.status ?? { state: 'idle', since: this.#startedAt };
  }

  async disconnectSession(companyId: CompanyId): Promise<void> {
    await this.#sessions.runExclusive(companyId, () => this.#sessions.getOrCreate(companyId).logout());
  }

  getActiveSessions(): readonly Readonly<{ companyId: CompanyId; status: SessionStatus }>[] {
    return this.#sessions.active();
  }

  /** Counts all sessions in memory, those without a socket included. */
  countByState(): Partial<Record<SessionState, number>> {
    return this.#sessions.countByState();
  }

  getLease(companyId: CompanyId): Lease | undefined {
    return this.#sessions.get(companyId)?.lease;
  }

  /** The company's socket, if messages may be sent on it. */
  getConnectedSocket(companyId: CompanyId): WASocket | undefined {
    return this.#sessions.get(companyId)?.connectedSocket;
  }

  /** Closes the open socket; the reason decides whether a new one follows. */
  dropSocket(companyId: CompanyId, reason: Disconnect): void {
    this.#sessions.get(companyId)?.dropSocket(reason);
  }

  async fetchReachoutTimelock(companyId: CompanyId): Promise<ReachoutTimelock | undefined> {
    const session = this.#sessions.get(companyId);
    const sock = session?.connectedSocket;
    if (session === undefined || sock === undefined) return undefined;
    return await session.messenger.fetchReachoutTimelock(sock);
  }

  /** Ends and removes the sessions that have had no linked device for half an hour. */
  async evictUnlinkedSessions(): Promise<void> {
    await this.#sessions.evictUnlinked(new Date(this.#now().getTime() - this.#timeouts.unlinkedTtlMs));
  }

  /** Erases credentials that have been in quarantine for a week. */
  async eraseQuarantined(): Promise<void> {
    await this.#credentials.eraseQuarantined();
  }

  /** Closes every socket and releases every lease. The devices stay linked. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sessions.stopAll();
    this.#processPatches[Symbol.dispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** A listener that throws must not interrupt the session that emits. */
  readonly #emitSafely: SessionDeps['emit'] = (name, ...args) => {
    try {
      return this.emit(name, ...args);
    } catch (error) {
      this.#logger.error('WhatsApp event listener failed', { error });
      return false;
    }
  };
}
