import type { CompanyId } from '../domain/ids.ts';
import type { QrCode, RenderedQr } from '../ports/ports.ts';

type LiveQr = Readonly<{ text: string; rendered: Promise<RenderedQr> }>;

/** The newest QR code of each company that is pairing, drawn once however many people look at it. */
export class LiveQrs {
  readonly #render: (code: QrCode) => Promise<RenderedQr>;
  readonly #now: () => Date;
  readonly #live = new Map<CompanyId, LiveQr>();

  constructor(render: (code: QrCode) => Promise<RenderedQr>, now: () => Date) {
    this.#render = render;
    this.#now = now;
  }

  /** The picture of `code`, or undefined when a newer code took its place or its time ran out meanwhile. */
  async show(companyId: CompanyId, code: QrCode): Promise<RenderedQr | undefined> {
    const live = { text: code.text, rendered: this.#render(code) };
    this.#live.set(companyId, live);
    try {
      return await this.#ifStillLive(companyId, live);
    } catch (error) {
      if (this.#live.get(companyId) === live) this.#live.delete(companyId);
      throw error;
    }
  }

  async current(companyId: CompanyId): Promise<RenderedQr | undefined> {
    const live = this.#live.get(companyId);
    return live === undefined ? undefined : await this.#ifStillLive(companyId, live);
  }

  forget(companyId: CompanyId): void {
    this.#live.delete(companyId);
  }

  async #ifStillLive(companyId: CompanyId, live: LiveQr): Promise<RenderedQr | undefined> {
    const rendered = await live.rendered;
    const newest = this.#live.get(companyId)?.text === live.text;
    return newest && rendered.expiresAt > this.#now() ? rendered : undefined;
  }
}
