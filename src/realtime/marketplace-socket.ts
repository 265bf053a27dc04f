import type { Language } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import type { SessionStatus } from '../domain/company/session-state.ts';
import type { AddressLimiter } from '../lib/net/ip-rate-limiter.ts';
import { guarded } from '../lib/async/catch-async.ts';
import { connectTokenExpiry } from '../marketplace/installation/connect-token.ts';
import type { QrCode, RenderedQr, Revocations, WhatsApp } from '../ports/ports.ts';
import type { Logger } from '../observability/logger.ts';
import { EventBudget } from './socket-rate-limit.ts';
import type { MarketplaceClient, MarketplaceNamespace, MarketplaceServer, ServerEvents } from './events.ts';
import {
  addressOf,
  companyIdOf,
  languageOf,
  showsTokenInAddress,
  spendConnection,
  tokenOf,
} from './handshake.ts';
import { LiveQrs } from './qr-cache.ts';
import { ackOf, pairingPayload, phoneOf, qrPayload, sessionPayload } from './payloads.ts';
import { HandshakeRefused, refusalOf } from './refusal.ts';

export type MarketplaceSocketDeps = Readonly<{
  service: Readonly<{
    /** @throws AppError `INVALID_TOKEN` */
    validateToken(token: string, companyId?: CompanyId): Promise<CompanyId>;
    /** Starts a pairing when none runs. */
    generateQR(companyId: CompanyId): Promise<RenderedQr>;
    renderQR(code: QrCode): Promise<RenderedQr>;
    /** The sessions tell the code. */
    requestPairingCode(companyId: CompanyId, phone: string): Promise<unknown>;
    sessionStatus(companyId: CompanyId): Promise<SessionStatus>;
  }>;
  sessions: Pick<WhatsApp, 'on'>;
  /** Says whose tokens are good no longer. */
  revocations: Pick<Revocations, 'on'>;
  /** Handshakes of one address. */
  connectionLimiter: AddressLimiter;
  /** Other limiters whose passed windows the cleanup timer drops as well. */
  transportLimiter: AddressLimiter;
  /** Exact number of proxies in front. */
  trustProxy: number;
  logger: Logger;
  now: () => Date;
  monotonicMs: () => number;
}>;

const cleanupEveryMs = 60_000;

const languages = ['ru', 'en'] as const satisfies readonly Language[];

const connectedMessage = {
  ru: 'WhatsApp успешно подключен!',
  en: 'WhatsApp is connected!',
} as const satisfies Record<Language, string>;

/**
 * The namespace `/marketplace`: shows the pairing of a company to everyone who holds its token. Each company is a room,
 * so any number of pages may watch, here or on another instance.
 */
export class MarketplaceSocket implements Disposable {
  readonly #deps: MarketplaceSocketDeps;
  readonly #namespace: MarketplaceNamespace;
  readonly #live: LiveQrs;
  /** What the sessions of this instance said last; a row in the database follows a little later. */
  readonly #states = new Map<CompanyId, SessionStatus>();
  readonly #report: (error: unknown) => void;
  #cleanup: NodeJS.Timeout | undefined;

  constructor(io: MarketplaceServer, deps: MarketplaceSocketDeps) {
    this.#deps = deps;
    this.#namespace = io.of('/marketplace');
    this.#live = new LiveQrs((code) => deps.service.renderQR(code), deps.now);
    this.#report = (error) => deps.logger.error('socket handler failed', { error });
  }

  /** Starts to take connections and to follow the sessions. */
  setupHandlers(): void {
    this.#namespace.use((socket, next) => {
      const refused = (error: unknown): void => {
        if (!(error instanceof AppError)) this.#report(error);
        next(new HandshakeRefused(error, languageOf(socket.handshake)));
      };
      guarded(refused, async () => {
        await this.#authenticate(socket);
        next();
      })();
    });
    this.#namespace.on(
      'connection',
      guarded(this.#report, (socket) => this.#welcome(socket)),
    );
    this.#followSessions();
    this.#deps.revocations.on('revoked', (companyId) => this.#sendAway(companyId));
    this.startCleanupTimer();
  }

  /** Starts the pairing of a company, or joins the one that runs, and shows its code to `socket`. @throws AppError */
  async startWhatsAppConnection(socket: MarketplaceClient, companyId: CompanyId): Promise<void> {
    const payload = qrPayload(await this.#deps.service.generateQR(companyId), this.#deps.now());
    if (payload !== undefined) socket.emit('qr-update', payload);
  }

  /** Shows `socket` the live QR code of the company, if there is one. Starts nothing. */
  async sendQRCode(socket: MarketplaceClient, companyId: CompanyId): Promise<void> {
    const rendered = await this.#live.current(companyId);
    const payload = rendered && qrPayload(rendered, this.#deps.now());
    if (payload !== undefined) socket.emit('qr-update', payload);
  }

  /** Links by a code that the owner types on the phone; everyone who watches the company sees it. @throws AppError */
  async startOnboarding(companyId: CompanyId, phone: string): Promise<void> {
    await this.#deps.service.requestPairingCode(companyId, phone);
  }

  /** Counts a connection of the address. @throws AppError `RATE_LIMIT` with the seconds to wait */
  async checkRateLimit(ip: string): Promise<void> {
    await spendConnection(this.#deps.connectionLimiter, ip);
  }

  /** Drops addresses whose window has passed, every minute, until this object is disposed. */
  startCleanupTimer(): void {
    clearInterval(this.#cleanup);
    this.#cleanup = setInterval(() => {
      this.#deps.connectionLimiter.forgetExpired();
      this.#deps.transportLimiter.forgetExpired();
    }, cleanupEveryMs).unref();
  }

  sendToCompany<Name extends keyof ServerEvents>(
    companyId: CompanyId,
    event: Name,
    ...data: Parameters<ServerEvents[Name]>
  ): void {
    this.#namespace.to(roomOf(companyId)).emit(event, ...data);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#cleanup);
  }

  async #authenticate(socket: MarketplaceClient): Promise<void> {
    const address = addressOf(socket, this.#deps.trustProxy);
    await this.checkRateLimit(address);
    try {
      const wanted = companyIdOf(socket.handshake);
      if (showsTokenInAddress(socket.handshake)) {
        this.#deps.logger.warn('a client sends its token in the query, where logs can see it');
      }
      socket.data.companyId = await this.#deps.service.validateToken(tokenOf(socket.handshake), wanted);
      socket.data.language = languageOf(socket.handshake);
    } catch (error) {
      const code = error instanceof AppError ? error.code : undefined;
      this.#deps.logger.warn('socket refused', { address, code });
      throw error;
    }
  }

  async #welcome(socket: MarketplaceClient): Promise<void> {
    const { companyId, language } = socket.data;
    const logger = this.#deps.logger.child({ companyId, socketId: socket.id });
    logger.info('page connected', { transport: socket.conn.transport.name });
    socket.on('disconnect', (reason) => logger.info('page left', { reason }));

    this.#limitEvents(socket);
    this.#refuseAtExpiry(socket);
    socket.on('request-qr', (...args) =>
      this.#answer(socket, args, () => this.startWhatsAppConnection(socket, companyId)),
    );
    socket.on('request-pairing-code', (...args) =>
      this.#answer(socket, args, () => this.startOnboarding(companyId, phoneOf(args[0]))),
    );

    await socket.join([roomOf(companyId), roomOf(companyId, language)]);
    // A revocation between the handshake and the joining has passed this socket by.
    this.#answer(socket, [], async () => {
      socket.emit('session-state', sessionPayload(await this.#newestStatus(companyId)));
      await this.sendQRCode(socket, companyId);
    });
  }

  async #newestStatus(companyId: CompanyId): Promise<SessionStatus> {
    const stored = await this.#deps.service.sessionStatus(companyId);
    const heard = this.#states.get(companyId);
    return heard !== undefined && heard.since >= stored.since ? heard : stored;
  }

  #limitEvents(socket: MarketplaceClient): void {
    const budget = new EventBudget(this.#deps.monotonicMs);
    socket.use((_event, next) => {
      const verdict = budget.spend();
      if (verdict === 'allowed') next();
      else if (verdict === 'flood') socket.disconnect(true);
      else this.#refuse(socket, new AppError('RATE_LIMIT', { retryAfterSeconds: budget.waitSeconds }));
    });
  }

  /** Runs what a client may have while its token is good; a refusal goes into its acknowledgement and to `#refuse`. */
  #answer(socket: MarketplaceClient, args: readonly unknown[], work: () => Promise<void>): void {
    const ack = ackOf(args);
    const failed = (error: unknown): void => {
      ack({ ok: false, code: refusalOf(error, socket.data.language).code });
      this.#refuse(socket, error);
    };
    guarded(failed, async () => {
      await this.#deps.service.validateToken(tokenOf(socket.handshake), socket.data.companyId);
      await work();
      ack({ ok: true });
    })();
  }

  /** Tells a client why it does not get something; without a good token it gets nothing any more. */
  #refuse(socket: MarketplaceClient, error: unknown): void {
    if (!(error instanceof AppError)) this.#report(error);
    const refusal = refusalOf(error, socket.data.language);
    socket.emit('error', refusal);
    if (refusal.code === 'INVALID_TOKEN') socket.disconnect(true);
  }

  #refuseAtExpiry(socket: MarketplaceClient): void {
    const expiresAt = connectTokenExpiry(tokenOf(socket.handshake));
    const leftMs = expiresAt.getTime() - this.#deps.now().getTime();
    const timer = setTimeout(() => this.#refuse(socket, new AppError('INVALID_TOKEN')), leftMs);
    socket.on('disconnect', () => clearTimeout(timer));
  }

  /** Everyone who watches the company, on whatever instance. */
  #sendAway(companyId: CompanyId): void {
    this.#live.forget(companyId);
    for (const language of languages) {
      const refusal = refusalOf(new AppError('INVALID_TOKEN'), language);
      this.#namespace.to(roomOf(companyId, language)).emit('error', refusal);
    }
    this.#namespace.in(roomOf(companyId)).disconnectSockets(true);
  }

  #followSessions(): void {
    const { sessions } = this.#deps;
    sessions.on(
      'qr',
      guarded(this.#report, async (companyId: CompanyId, code: QrCode) => {
        const rendered = await this.#live.show(companyId, code);
        const payload = rendered && qrPayload(rendered, this.#deps.now());
        if (payload !== undefined) this.sendToCompany(companyId, 'qr-update', payload);
      }),
    );
    sessions.on('pairing-code', (companyId, code) => {
      this.sendToCompany(companyId, 'pairing-code', pairingPayload(code, this.#deps.now()));
    });
    sessions.on('state', (companyId, status) => {
      this.#states.set(companyId, status);
      if (status.state !== 'pairing') this.#live.forget(companyId);
      this.sendToCompany(companyId, 'session-state', sessionPayload(status));
    });
    sessions.on('connected', (companyId, { phone }) => {
      this.#live.forget(companyId);
      for (const language of languages) {
        const message = connectedMessage[language];
        this.#namespace
          .to(roomOf(companyId, language))
          .emit('whatsapp-connected', { success: true, phone, companyId, message });
      }
    });
    sessions.on('disconnected', (companyId, reason, willReconnect) => {
      this.sendToCompany(companyId, 'whatsapp-disconnected', { companyId, reason, willReconnect });
    });
  }
}

/** Everyone who watches the company, or only those of them who read `language`. */
function roomOf(companyId: CompanyId, language?: Language): string {
  return language === undefined ? `company:${companyId}` : `company:${companyId}:${language}`;
}
