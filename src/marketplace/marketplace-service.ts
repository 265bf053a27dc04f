import { randomBytes } from 'node:crypto';
import { type BusinessType, detectBusinessType } from '../domain/company/business-type.ts';
import { clientLanguage } from '../domain/company/client-language.ts';
import type { Company } from '../domain/company/company.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId, SalonId } from '../domain/ids.ts';
import type { Message } from '../domain/notification/message.ts';
import { isTimeZone } from '../domain/company/salon-time.ts';
import type { SessionStatus } from '../domain/company/session-state.ts';
import { catchAsync } from '../lib/async/catch-async.ts';
import { sha256Hex } from '../crypto/hash.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Activation } from './installation/activation.ts';
import { connectTokenLifetimeMs, type ConnectTokenSigner } from './installation/connect-token.ts';
import type { SalonInfo, YclientsPlatform } from '../ports/yclients.ts';
import type { SessionRecorder } from './installation/session-recorder.ts';
import { effectiveStatus } from './installation/session-status.ts';
import type { WebhookJob, WebhookProcessor } from './bookings/webhook-processor.ts';
import type { Messages } from '../ports/messages.ts';
import type { Companies, ConnectTokens, ConnectionStats } from '../ports/companies.ts';
import type { PairingCode, QrCode, QrRenderer, RenderedQr, WhatsApp } from '../ports/sessions.ts';

/** A direct message that could not be sent for a day is no news any more. */
const directMessageLifetimeMs = 24 * 60 * 60 * 1000;

export type MarketplaceDependencies = Readonly<{
  companies: Companies;
  messages: Messages;
  tokens: ConnectTokens;
  signer: ConnectTokenSigner;
  yclients: YclientsPlatform;
  whatsapp: WhatsApp;
  qrRenderer: QrRenderer;
  activation: Activation;
  webhookProcessor: WebhookProcessor;
  sessionRecorder: SessionRecorder;
  /** Tells the outbox that the company has a message. */
  wakeOutbox: (companyId: CompanyId) => void;
  report: BusinessEvents;
  now: () => Date;
}>;

/** What the marketplace does for a company; the edges and the workers call nothing else. */
export class MarketplaceService {
  readonly #deps: MarketplaceDependencies;

  constructor(deps: MarketplaceDependencies) {
    this.#deps = deps;
  }

  /** Follows the sessions: their states into the database, their first connection into the activation. */
  async init(): Promise<void> {
    const { whatsapp, report } = this.#deps;
    const onError = (error: unknown): void => report.failed('Session event handling', error);
    whatsapp.on('qr', (companyId, { sequence }) => report.qrIssued(companyId, sequence));
    whatsapp.on(
      'state',
      catchAsync(onError, (companyId: CompanyId, status: SessionStatus) =>
        this.updateWhatsAppStatus(companyId, status),
      ),
    );
    whatsapp.on(
      'connected',
      catchAsync(onError, async (companyId: CompanyId) =>
        this.#deps.activation.request(await this.getCompany(companyId)),
      ),
    );
  }

  /**
   * The company of a salon, made from the platform's data when it is new or comes back after an uninstallation.
   * @throws AppError `COMPANY_NOT_FOUND` when the platform does not know the salon, `CONNECTION_FAILED` while the session
   * of its last installation cannot be ended, `UPSTREAM_ERROR`, `DB_ERROR`
   */
  async createOrGetCompany(
    salonId: SalonId,
    registration: Readonly<{ ownerUserId?: number }> = {},
  ): Promise<Readonly<{ company: Company; created: boolean }>> {
    const salon = await this.fetchSalonInfo(salonId);
    const existing = await this.findBySalon(salonId);
    // What the last installation left running must not pass to the next one.
    if (existing?.integrationStatus === 'uninstalled')
      await this.#deps.whatsapp.disconnectSession(existing.id);
    const { company, created } = await this.#deps.companies.createOrFind({
      salonId,
      title: salon.title,
      businessType: this.detectBusinessType(salon),
      timeZone: salon.timeZone !== undefined && isTimeZone(salon.timeZone) ? salon.timeZone : undefined,
      language: clientLanguage(salon.phone),
      ...(registration.ownerUserId !== undefined && { ownerUserId: registration.ownerUserId }),
      apiKey: this.generateAPIKey(),
      webhookSecret: randomBytes(24).toString('base64url'),
    });
    this.#deps.report.companyRegistered(company.id, created);
    return { company, created };
  }

  /** @throws AppError `COMPANY_NOT_FOUND`, `UPSTREAM_ERROR` */
  async fetchSalonInfo(salonId: SalonId): Promise<SalonInfo> {
    return await this.#deps.yclients.getCompany(salonId);
  }

  detectBusinessType(salon: SalonInfo): BusinessType {
    return detectBusinessType(salon);
  }

  /** 256 random bits; the prefix lets people and secret scanners recognise it. */
  generateAPIKey(): string {
    return `ymk_${randomBytes(32).toString('base64url')}`;
  }

  /** Makes an issued token valid: only its hash is kept, and an uninstallation revokes it. */
  async saveToken(token: string, companyId: CompanyId): Promise<void> {
    const expiresAt = new Date(this.#deps.now().getTime() + connectTokenLifetimeMs);
    await this.#deps.tokens.save(sha256Hex(token), companyId, expiresAt);
  }

  /**
   * @param companyId where the caller names one, it must be the token's
   * @throws AppError `INVALID_TOKEN`, the same for every reason
   */
  async validateToken(token: string, companyId?: CompanyId): Promise<CompanyId> {
    const owner = await this.#deps.signer.verify(token);
    const matches = companyId === undefined || companyId === owner;
    if (matches && (await this.#deps.tokens.isValid(sha256Hex(token), owner))) return owner;
    throw new AppError('INVALID_TOKEN');
  }

  /** The live QR code; starts a pairing when none runs. @throws AppError `QR_EXPIRED`, `CONNECTION_FAILED`, `FORBIDDEN` */
  async generateQR(companyId: CompanyId): Promise<RenderedQr> {
    await this.#assertInstalled(companyId);
    return await this.renderQR(await this.#deps.whatsapp.generateQRForCompany(companyId));
  }

  async renderQR(code: QrCode): Promise<RenderedQr> {
    return { ...code, qr: await this.#deps.qrRenderer.render(code.text) };
  }

  /** @param phone in any usual form @throws AppError */
  async requestPairingCode(companyId: CompanyId, phone: string): Promise<PairingCode> {
    await this.#assertInstalled(companyId);
    return await this.#deps.whatsapp.requestPairingCode(companyId, phone);
  }

  /** @throws AppError `COMPANY_NOT_FOUND` */
  async getCompany(companyId: CompanyId): Promise<Company> {
    const company = await this.#deps.companies.byId(companyId);
    if (company === undefined) throw new AppError('COMPANY_NOT_FOUND');
    return company;
  }

  async findBySalon(salonId: SalonId): Promise<Company | undefined> {
    return await this.#deps.companies.bySalonId(salonId);
  }

  async companyByApiKey(apiKey: string): Promise<Company | undefined> {
    return await this.#deps.companies.byApiKey(apiKey);
  }

  /** The activation job: status first, then `partner/callback`. @throws what made it fail, so that it is tried again */
  async sendCallbackToYClients(companyId: CompanyId): Promise<void> {
    await this.#deps.activation.run(companyId);
  }

  /** The webhook job. A repeat changes nothing. */
  async handleWebhook(companyId: CompanyId, webhook: WebhookJob): Promise<void> {
    await this.#deps.webhookProcessor.run(await this.getCompany(companyId), webhook);
  }

  /** Keeps the state of a session where every instance and the status page find it. */
  async updateWhatsAppStatus(companyId: CompanyId, status: SessionStatus): Promise<void> {
    this.#deps.sessionRecorder.record(companyId, status);
  }

  /** The state as this process sees it, else as the database has it. */
  async sessionStatus(companyId: CompanyId): Promise<SessionStatus> {
    const live = this.#deps.whatsapp.getSessionStatus(companyId);
    return effectiveStatus(await this.getCompany(companyId), live, this.#deps.now());
  }

  async getConnectionStats(): Promise<ConnectionStats> {
    return await this.#deps.companies.stats();
  }

  /** Installed companies whose WhatsApp has been lost, refused or stopped, longest first. */
  async companiesWithoutWhatsApp(limit: number): Promise<readonly Company[]> {
    return await this.#deps.companies.withoutWhatsApp(limit);
  }

  /** The company's own text to one of its clients. The same idempotency key again is the same message. */
  async sendDirectMessage(
    companyId: CompanyId,
    message: Readonly<{ phone: string; text: string; idempotencyKey: string }>,
  ): Promise<Message> {
    await this.#assertInstalled(companyId);
    const queued = await this.#deps.messages.enqueue(
      {
        companyId,
        kind: 'direct',
        phone: message.phone,
        text: message.text,
        idempotencyKey: `direct:${message.idempotencyKey}`,
        expiresAt: new Date(this.#deps.now().getTime() + directMessageLifetimeMs),
      },
      'api',
    );
    if (queued === undefined) {
      throw new AppError('FORBIDDEN', {
        text: {
          ru: 'Клиент отказался от сообщений. Он может вернуть их, написав СТАРТ.',
          en: 'The client has opted out of messages. They resume when the client writes START.',
        },
      });
    }
    this.#deps.report.messageQueued(companyId, queued.id, 'direct');
    this.#deps.wakeOutbox(companyId);
    return queued;
  }

  async messageById(companyId: CompanyId, id: string): Promise<Message | undefined> {
    return await this.#deps.messages.byId(companyId, id);
  }

  async #assertInstalled(companyId: CompanyId): Promise<void> {
    const { integrationStatus } = await this.getCompany(companyId);
    if (integrationStatus !== 'uninstalled') return;
    throw new AppError('FORBIDDEN', {
      text: {
        ru: 'Приложение отключено в YCLIENTS. Подключите его снова.',
        en: 'The application is uninstalled in YCLIENTS. Install it again.',
      },
    });
  }
}
