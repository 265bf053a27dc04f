import type { CompanyId } from '../domain/ids.ts';
import type { MarketplaceService } from '../marketplace/marketplace-service.ts';
import type { QrCode, RenderedQr } from '../ports/sessions.ts';

type CachedQr = Readonly<{ text: string; rendered: Promise<RenderedQr> }>;

/** The current QR code of each pairing company, rendered once for all of its clients. */
export class QrCache {
  readonly #service: Pick<MarketplaceService, 'renderQR'>;
  readonly #now: () => Date;
  readonly #entries = new Map<CompanyId, CachedQr>();

  constructor(service: Pick<MarketplaceService, 'renderQR'>, now: () => Date) {
    this.#service = service;
    this.#now = now;
  }

  /** The rendered `code`, or undefined if it was replaced or expired during rendering. */
  async render(companyId: CompanyId, code: QrCode): Promise<RenderedQr | undefined> {
    const entry = { text: code.text, rendered: this.#service.renderQR(code) };
    this.#entries.set(companyId, entry);
    try {
      return await this.#ifCurrent(companyId, entry);
    } catch (error) {
      if (this.#entries.get(companyId) === entry) this.#entries.delete(companyId);
      throw error;
    }
  }

  /** The current code, or undefined if there is none or it has expired. */
  async current(companyId: CompanyId): Promise<RenderedQr | undefined> {
    const entry = this.#entries.get(companyId);
    return entry === undefined ? undefined : await this.#ifCurrent(companyId, entry);
  }

  delete(companyId: CompanyId): void {
    this.#entries.delete(companyId);
  }

  async #ifCurrent(companyId: CompanyId, entry: CachedQr): Promise<RenderedQr | undefined> {
    const rendered = await entry.rendered;
    const isNewest = this.#entries.get(companyId)?.text === entry.text;
    return isNewest && rendered.expiresAt > this.#now() ? rendered : undefined;
  }
}
