import type { SessionStatus } from '../domain/company/session-state.ts';
import { AppError, type BilingualText } from '../domain/errors/app-error.ts';
import type { CompanyId } from '../domain/ids.ts';
import { type Language, languages } from '../domain/language.ts';
import { catchAsync } from '../lib/async/catch-async.ts';
import { clientIp } from '../lib/net/client-ip.ts';
import type { IpRateLimiter } from '../lib/net/ip-rate-limiter.ts';
import { connectTokenExpiry } from '../marketplace/installation/connect-token.ts';
import type { MarketplaceService } from '../marketplace/marketplace-service.ts';
import type { Logger } from '../observability/logger.ts';
import type { Revocations } from '../ports/companies.ts';
import type { QrCode, WhatsApp } from '../ports/sessions.ts';
import type {
  MarketplaceClient,
  MarketplaceNamespace,
  MarketplaceSocketServer,
  ServerEvents,
} from './events.ts';
import { readCompanyId, handshakeLanguage, isTokenInQuery, readToken } from './handshake.ts';
import {
  findAck,
  pairingPayload,
  readPhone,
  qrPayload,
  sessionPayload,
  HandshakeError,
  toErrorPayload,
} from './payloads.ts';
import { QrCache } from './qr-cache.ts';
import { SocketRateLimit } from './socket-rate-limit.ts';

export type MarketplaceSocketDeps = Readonly<{
  service: Pick<
    MarketplaceService,
    'validateToken' | 'generateQR' | 'renderQR' | 'requestPairingCode' | 'sessionStatus'
  >;
  whatsapp: Pick<WhatsApp, 'on'>;
  /** Notifies of companies whose tokens are revoked. */
  revocations: Pick<Revocations, 'on'>;
  /** Namespace handshakes per client IP. */
  connectionLimiter: IpRateLimiter;
  /** Injected only for the cleanup timer. */
  transportLimiter: IpRateLimiter;
  /** Exact number of proxies in front. */
  trustProxy: number;
  logger: Logger;
  now: () => Date;
  monotonicMs: () => number;
}>;

const cleanupIntervalMs = 60_000;

const connectedMessage: BilingualText = {
  ru: 'WhatsApp успешно подключен!',
  en: 'WhatsApp is connected!',
};

/**
 * The namespace `/marketplace`: sends the pairing and session events of a company to every client that holds its token.
 * Each company has a room, and a room per language for translated messages.
 */
export class MarketplaceSocket implements Disposable {
  readonly #deps: MarketplaceSocketDeps;
  readonly #namespace: MarketplaceNamespace;
  readonly #qrCache: QrCache;
  /** The latest status of each session of this instance; the database row follows with a delay. */
  readonly #statuses = new Map<CompanyId, SessionStatus>();
  readonly #logError: (error: unknown) => void;
  #cleanup: NodeJS.Timeout | undefined;

  constructor(io: MarketplaceSocketServer, deps: MarketplaceSocketDeps) {
    this.#deps = deps;
    this.#namespace = io.of('/marketplace');
    this.#qrCache = new QrCache(deps.service, deps.now);
    this.#logError = (error) => deps.logger.error('Socket handler failed', { error });
  }

  /** Accepts connections and subscribes to session and revocation events. */
  setupHandlers(): void {
    this.#namespace.use((socket, next) => {
      const onError = (error: unknown): void => {
        if (!(error instanceof AppError)) this.#logError(error);
        next(new HandshakeError(error, handshakeLanguage(socket.handshake)));
      };
      catchAsync(onError, async () => {
        await this.#authenticate(socket);
        next();
      })();
    });
    this.#namespace.on(
      'connection',
      catchAsync(this.#logError, (socket) => this.#handleConnection(socket)),
    );
    this.#subscribeToSessions();
    this.#deps.revocations.on('revoked', (companyId) => this.#disconnectCompany(companyId));
    this.startCleanupTimer();
  }

  /** Starts the pairing of a company or joins a running one, and sends its code to `socket`. @throws AppError */
  async startWhatsAppConnection(socket: MarketplaceClient, companyId: CompanyId): Promise<void> {
    const payload = qrPayload(await this.#deps.service.generateQR(companyId), this.#deps.now());
    if (payload !== undefined) socket.emit('qr-update', payload);
  }

  /** Sends the current QR code of the company, if any, to `socket`. Does not start a pairing. */
  async sendQRCode(socket: MarketplaceClient, companyId: CompanyId): Promise<void> {
    const rendered = await this.#qrCache.current(companyId);
    const payload = rendered && qrPayload(rendered, this.#deps.now());
    if (payload !== undefined) socket.emit('qr-update', payload);
  }

  /** Requests a pairing code, which is sent to the room of the company. @throws AppError */
  async startOnboarding(companyId: CompanyId, phone: string): Promise<void> {
    await this.#deps.service.requestPairingCode(companyId, phone);
  }

  /** Counts a connection of this IP. @throws AppError `RATE_LIMIT` with the seconds to wait */
  async checkRateLimit(ip: string): Promise<void> {
    const retryAfterSeconds = await this.#deps.connectionLimiter.consume(ip);
    if (retryAfterSeconds !== undefined) throw new AppError('RATE_LIMIT', { retryAfterSeconds });
  }

  /** Purges expired rate-limit windows every minute until disposal. */
  startCleanupTimer(): void {
    clearInterval(this.#cleanup);
    this.#cleanup = setInterval(() => {
      this.#deps.connectionLimiter.purgeExpired();
      this.#deps.transportLimiter.purgeExpired();
    }, cleanupIntervalMs).unref();
  }

  sendToCompany<Name extends keyof ServerEvents>(
    companyId: CompanyId,
    event: Name,
    ...data: Parameters<ServerEvents[Name]>
  ): void {
    this.#namespace.to(roomName(companyId)).emit(event, ...data);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#cleanup);
  }

  async #authenticate(socket: MarketplaceClient): Promise<void> {
    const address = clientIp(socket.request, this.#deps.trustProxy);
    await this.checkRateLimit(address);
    try {
      const requestedCompanyId = readCompanyId(socket.handshake);
      if (isTokenInQuery(socket.handshake)) {
        this.#deps.logger.warn('Token received in the query string, where proxies may log it');
      }
      socket.data.companyId = await this.#deps.service.validateToken(
        readToken(socket.handshake),
        requestedCompanyId,
      );
      socket.data.language = handshakeLanguage(socket.handshake);
    } catch (error) {
      const code = error instanceof AppError ? error.code : undefined;
      this.#deps.logger.warn('Socket connection refused', { address, code });
      throw error;
    }
  }

  async #handleConnection(socket: MarketplaceClient): Promise<void> {
    const { companyId, language } = socket.data;
    const logger = this.#deps.logger.child({ companyId, socketId: socket.id });
    logger.info('Socket client connected', { transport: socket.conn.transport.name });
    socket.on('disconnect', (reason) => logger.info('Socket client disconnected', { reason }));

    this.#limitEvents(socket);
    this.#disconnectAtExpiry(socket);
    socket.on('request-qr', (...args) =>
      this.#handleRequest(socket, args, () => this.startWhatsAppConnection(socket, companyId)),
    );
    socket.on('request-pairing-code', (...args) =>
      this.#handleRequest(socket, args, () => this.startOnboarding(companyId, readPhone(args[0]))),
    );

    await socket.join([roomName(companyId), roomName(companyId, language)]);
    // Validates the token again: a revocation between the handshake and the join did not reach this socket.
    this.#handleRequest(socket, [], async () => {
      socket.emit('session-state', sessionPayload(await this.#latestStatus(companyId)));
      await this.sendQRCode(socket, companyId);
    });
  }

  async #latestStatus(companyId: CompanyId): Promise<SessionStatus> {
    const stored = await this.#deps.service.sessionStatus(companyId);
    const local = this.#statuses.get(companyId);
    return local !== undefined && local.since >= stored.since ? local : stored;
  }

  #limitEvents(socket: MarketplaceClient): void {
    const rateLimit = new SocketRateLimit(this.#deps.monotonicMs);
    socket.use((_event, next) => {
      const decision = rateLimit.consume();
      if (decision === 'allowed') next();
      else if (decision === 'flood') socket.disconnect(true);
      else
        this.#sendError(
          socket,
          new AppError('RATE_LIMIT', { retryAfterSeconds: rateLimit.retryAfterSeconds }),
        );
    });
  }

  /** Runs a client request if its token is still valid; an error goes to the acknowledgement and to `#sendError`. */
  #handleRequest(socket: MarketplaceClient, args: readonly unknown[], handle: () => Promise<void>): void {
    const ack = findAck(args);
    const onError = (error: unknown): void => {
      ack({ ok: false, code: toErrorPayload(error, socket.data.language).code });
      this.#sendError(socket, error);
    };
    catchAsync(onError, async () => {
      await this.#deps.service.validateToken(readToken(socket.handshake), socket.data.companyId);
      await handle();
      ack({ ok: true });
    })();
  }

  /** Emits an `error` event; `INVALID_TOKEN` also disconnects the client. */
  #sendError(socket: MarketplaceClient, error: unknown): void {
    if (!(error instanceof AppError)) this.#logError(error);
    const payload = toErrorPayload(error, socket.data.language);
    socket.emit('error', payload);
    if (payload.code === 'INVALID_TOKEN') socket.disconnect(true);
  }

  #disconnectAtExpiry(socket: MarketplaceClient): void {
    const expiresAt = connectTokenExpiry(readToken(socket.handshake));
    const remainingMs = expiresAt.getTime() - this.#deps.now().getTime();
    const timer = setTimeout(() => this.#sendError(socket, new AppError('INVALID_TOKEN')), remainingMs);
    socket.on('disconnect', () => clearTimeout(timer));
  }

  /** Disconnects every client of the company, after an `INVALID_TOKEN` error in its language. */
  #disconnectCompany(companyId: CompanyId): void {
    this.#qrCache.delete(companyId);
    for (const language of languages) {
      const payload = toErrorPayload(new AppError('INVALID_TOKEN'), language);
      this.#namespace.to(roomName(companyId, language)).emit('error', payload);
    }
    this.#namespace.in(roomName(companyId)).disconnectSockets(true);
  }

  #subscribeToSessions(): void {
    const { whatsapp } = this.#deps;
    whatsapp.on(
      'qr',
      catchAsync(this.#logError, async (companyId: CompanyId, code: QrCode) => {
        const rendered = await this.#qrCache.render(companyId, code);
        const payload = rendered && qrPayload(rendered, this.#deps.now());
        if (payload !== undefined) this.sendToCompany(companyId, 'qr-update', payload);
      }),
    );
    whatsapp.on('pairing-code', (companyId, code) => {
      this.sendToCompany(companyId, 'pairing-code', pairingPayload(code, this.#deps.now()));
    });
    whatsapp.on('state', (companyId, status) => {
      this.#statuses.set(companyId, status);
      if (status.state !== 'pairing') this.#qrCache.delete(companyId);
      this.sendToCompany(companyId, 'session-state', sessionPayload(status));
    });
    whatsapp.on('connected', (companyId, { phone }) => {
      this.#qrCache.delete(companyId);
      for (const language of languages) {
        const message = connectedMessage[language];
        this.#namespace
          .to(roomName(companyId, language))
          .emit('whatsapp-connected', { success: true, phone, companyId, message });
      }
    });
    whatsapp.on('disconnected', (companyId, reason, willReconnect) => {
      this.sendToCompany(companyId, 'whatsapp-disconnected', { companyId, reason, willReconnect });
    });
  }
}

/** The room of all clients of a company, or of those with this language. */
function roomName(companyId: CompanyId, language?: Language): string {
  return language === undefined ? `company:${companyId}` : `company:${companyId}:${language}`;
}
