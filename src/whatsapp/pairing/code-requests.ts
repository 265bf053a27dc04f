import type { CompanyId } from '../../domain/ids.ts';
import { KeyedQueue } from '../../lib/async/keyed-mutex.ts';
import type { PairingCode } from '../../ports/ports.ts';

type Request = Readonly<{ number: string; code: Promise<PairingCode> }>;

/**
 * The requests for codes of all companies, one at a time in each: Baileys knows only the newest code, so a request takes the
 * code of another one that is under way.
 */
export class CodeRequests {
  readonly #queue = new KeyedQueue<CompanyId>();
  readonly #latest = new Map<CompanyId, Request>();

  /** Who asks for the number that was asked for last, before its code is there, gets the same code. @throws what `ask` throws */
  async run(companyId: CompanyId, number: string, ask: () => Promise<PairingCode>): Promise<PairingCode> {
    const latest = this.#latest.get(companyId);
    if (latest?.number === number) return await latest.code;
    const request = { number, code: this.#queue.run(companyId, ask) };
    this.#latest.set(companyId, request);
    try {
      return await request.code;
    } finally {
      if (this.#latest.get(companyId) === request) this.#latest.delete(companyId);
    }
  }
}
