import type { CompanyId } from '../domain/ids.ts';
import type { QrCode, RenderedQr } from '../ports/sessions.ts';

type CachedQr = Readonly<{ text: string; rendered: Promise<RenderedQr> }>;

/** The newest QR code of each company that is pairing, drawn once however many people look at it. */
export class QrCache {
  readonly #render: (code: QrCode) => Promise<RenderedQr>;
  readonly #now: () => Date;
  readonly #entries = new Map<CompanyId, CachedQr>();

  constructor(render: (code: QrCode) => Promise<RenderedQr>, now: () => Date) {
    this.#render = render;
    this.#now = now;
  }

  /** The picture of `code`, or undefined when a newer code took its place or its time ran out meanwhile. */
  async render(companyId: CompanyId, code: QrCode): Promise<RenderedQr | undefined> {
    const entry = { text: code.text, rendered: this.#render(code) };
    this.#entries.set(companyId, entry);
    try {
      return await this.#ifCurrent(companyId, entry);
    } catch (error) {
      if (this.#entries.get(companyId) === entry) this.#entries.delete(companyId);
      throw error;
    }
  }

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
