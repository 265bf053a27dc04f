import { randomBytes } from 'node:crypto';
import { sha256Hex } from '../crypto/hash.ts';
import { type BusinessType, detectBusinessType } from '../domain/company/business-type.ts';
import { clientLanguage } from '../domain/company/client-language.ts';
import type { Company } from '../domain/company/company.ts';
import { isTimeZone } from '../domain/company/salon-time.ts';
import type { SessionStatus } from '../domain/company/session-state.ts';
import { AppError } from '../domain/errors/app-error.ts';
import type { CompanyId, SalonId } from '../domain/ids.ts';
import type { Message } from '../domain/notification/message.ts';
import { catchAsync } from '../lib/async/catch-async.ts';
import type { DirectMessage, DirectMessages } from '../messaging/direct-messages.ts';
import type { BusinessEvents } from '../observability/events.ts';
import type { Companies, ConnectTokens, ConnectionStats, Revocations } from '../ports/companies.ts';
import type { Messages } from '../ports/messages.ts';
import type { PairingCode, QrCode, QrRenderer, RenderedQr, WhatsApp } from '../ports/sessions.ts';
import type { SalonInfo, YclientsApi } from '../ports/yclients.ts';
import type { WebhookJob, WebhookProcessor } from './bookings/webhook-processor.ts';
import type { Activation } from './installation/activation.ts';
import { requireOwner } from './installation/company-owner.ts';
import { connectTokenLifetimeMs, type ConnectTokenSigner } from './installation/connect-token.ts';
import type { SessionRecorder } from './installation/session-recorder.ts';
import { effectiveStatus } from './installation/session-status.ts';

export type MarketplaceServiceDeps = Readonly<{
  companies: Pick<
    Companies,
    'createOrFind' | 'byId' | 'bySalonId' | 'byApiKey' | 'withoutWhatsApp' | 'stats'
  >;
  messages: Pick<Messages, 'byId'>;
  directMessages: Pick<DirectMessages, 'send'>;
  connectTokens: Pick<ConnectTokens, 'save' | 'isValid'>;
  revocations: Pick<Revocations, 'emit'>;
  signer: Pick<ConnectTokenSigner, 'verify'>;
  yclients: Pick<YclientsApi, 'getCompany'>;
  whatsapp: Pick<
    WhatsApp,
    'on' | 'getSessionStatus' | 'generateQRForCompany' | 'requestPairingCode' | 'disconnectSession'
  >;
  qrRenderer: QrRenderer;
  activation: Pick<Activation, 'request' | 'run'>;
  webhookProcessor: Pick<WebhookProcessor, 'run'>;
  sessionRecorder: Pick<SessionRecorder, 'record'>;
  report: BusinessEvents;
  now: () => Date;
}>;

/**
 * Facade over installation, pairing, webhooks and direct messages. The methods down to `getConnectionStats` are those of the
 * original specification.
 */
export class MarketplaceService {
  readonly #deps: MarketplaceServiceDeps;

  constructor(deps: MarketplaceServiceDeps) {
    this.#deps = deps;
  }

  /** Subscribes to session events: records session states, requests activation when a session connects. */
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
   * Returns the company of a salon; creates or reinstalls it from YCLIENTS data.
   * @throws AppError `COMPANY_NOT_FOUND` for an unknown salon, `FORBIDDEN` when the company does not belong to
   * `ownerUserId`, `CONNECTION_FAILED` when the session of the previous installation cannot be closed, `UPSTREAM_ERROR`,
   * `DB_ERROR`
   */
  async createOrGetCompany(
    salonId: SalonId,
    registration: Readonly<{ ownerUserId?: number }> = {},
  ): Promise<Readonly<{ company: Company; created: boolean }>> {
    const salon = await this.fetchSalonInfo(salonId);
    const existing = await this.#deps.companies.bySalonId(salonId);
    // The previous owner's WhatsApp session must not pass to the next installation.
    if (existing?.integrationStatus === 'uninstalled')
      await this.#deps.whatsapp.disconnectSession(existing.id);
    const { company, created, claimed } = await this.#deps.companies.createOrFind({
      salonId,
      title: salon.title,
      businessType: this.detectBusinessType(salon),
      timeZone: salon.timeZone !== undefined && isTimeZone(salon.timeZone) ? salon.timeZone : undefined,
      language: clientLanguage(salon.phone),
      ...(registration.ownerUserId !== undefined && { ownerUserId: registration.ownerUserId }),
      apiKey: this.generateAPIKey(),
      webhookSecret: randomBytes(24).toString('base64url'),
    });
    if (registration.ownerUserId !== undefined) requireOwner(company.ownerUserId, registration.ownerUserId);
    // Pages opened with the operator's link close.
    if (claimed) this.#deps.revocations.emit('revoked', company.id);
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

  /** 256 random bits; the prefix identifies the key to secret scanners. */
  generateAPIKey(): string {
    return `ymk_${randomBytes(32).toString('base64url')}`;
  }

  /** Stores the hash of an issued token, which makes it valid until it expires or the application is uninstalled. */
  async saveToken(token: string, companyId: CompanyId): Promise<void> {
    const expiresAt = new Date(this.#deps.now().getTime() + connectTokenLifetimeMs);
    await this.#deps.connectTokens.save(sha256Hex(token), companyId, expiresAt);
  }

  /**
   * @param companyId when given, the token must belong to it
   * @throws AppError `INVALID_TOKEN`, without the reason
   */
  async validateToken(token: string, companyId?: CompanyId): Promise<CompanyId> {
    const owner = await this.#deps.signer.verify(token);
    const matches = companyId === undefined || companyId === owner;
    if (matches && (await this.#deps.connectTokens.isValid(sha256Hex(token), owner))) return owner;
    throw new AppError('INVALID_TOKEN');
  }

  /**
   * Returns the current QR code; starts a pairing when none is running.
   * @throws AppError `QR_EXPIRED`, `CONNECTION_FAILED`, `FORBIDDEN`
   */
  async generateQR(companyId: CompanyId): Promise<RenderedQr> {
    await this.#assertInstalled(companyId);
    return await this.renderQR(await this.#deps.whatsapp.generateQRForCompany(companyId));
  }

  /** @throws AppError `COMPANY_NOT_FOUND` */
  async getCompany(companyId: CompanyId): Promise<Company> {
    const company = await this.#deps.companies.byId(companyId);
    if (company === undefined) throw new AppError('COMPANY_NOT_FOUND');
    return company;
  }

  /** Activation job: calls `partner/callback` unless YCLIENTS already reports an active installation. */
  async sendCallbackToYClients(companyId: CompanyId): Promise<void> {
    await this.#deps.activation.run(companyId);
  }

  /** Webhook job. Idempotent. */
  async handleWebhook(companyId: CompanyId, webhook: WebhookJob): Promise<void> {
    await this.#deps.webhookProcessor.run(await this.getCompany(companyId), webhook);
  }

  /** Records the session state for other instances and the status page. Writes in the background. */
  async updateWhatsAppStatus(companyId: CompanyId, status: SessionStatus): Promise<void> {
    this.#deps.sessionRecorder.record(companyId, status);
  }

  async getConnectionStats(): Promise<ConnectionStats> {
    return await this.#deps.companies.stats();
  }

  async companyByApiKey(apiKey: string): Promise<Company | undefined> {
    return await this.#deps.companies.byApiKey(apiKey);
  }

  /** Installed companies whose session was lost, rejected or stopped, longest first. */
  async companiesWithoutWhatsApp(limit: number): Promise<readonly Company[]> {
    return await this.#deps.companies.withoutWhatsApp(limit);
  }

  /** State of the session in this process, otherwise the stored one. */
  async sessionStatus(companyId: CompanyId): Promise<SessionStatus> {
    const live = this.#deps.whatsapp.getSessionStatus(companyId);
    return effectiveStatus(await this.getCompany(companyId), live, this.#deps.now());
  }

  async renderQR(code: QrCode): Promise<RenderedQr> {
    return { ...code, qr: await this.#deps.qrRenderer.render(code.text) };
  }

  /** @param phone in national or international notation @throws AppError */
  async requestPairingCode(companyId: CompanyId, phone: string): Promise<PairingCode> {
    await this.#assertInstalled(companyId);
    return await this.#deps.whatsapp.requestPairingCode(companyId, phone);
  }

  /** @throws AppError `FORBIDDEN` when the client has opted out or the application is uninstalled */
  async sendDirectMessage(companyId: CompanyId, message: DirectMessage): Promise<Message> {
    await this.#assertInstalled(companyId);
    return await this.#deps.directMessages.send(companyId, message);
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
