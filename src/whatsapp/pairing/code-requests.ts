import type { CompanyId } from '../../domain/ids.ts';
import { KeyedMutex } from '../../lib/async/keyed-mutex.ts';
import type { PairingCode } from '../../ports/sessions.ts';

type PendingRequest = Readonly<{ number: string; code: Promise<PairingCode> }>;

/**
 * The requests for codes of all companies, one at a time in each: Baileys knows only the newest code, so a request takes the
 * code of another one that is under way.
 */
export class PairingCodeRequests {
  readonly #queue = new KeyedMutex<CompanyId>();
  readonly #latest = new Map<CompanyId, PendingRequest>();

  /** Who asks for the number that was asked for last, before its code is there, gets the same code. @throws what `ask` throws */
  async run(
    companyId: CompanyId,
    number: string,
    requestCode: () => Promise<PairingCode>,
  ): Promise<PairingCode> {
    const latest = this.#latest.get(companyId);
    if (latest?.number === number) return await latest.code;
    const request = { number, code: this.#queue.run(companyId, requestCode) };
    this.#latest.set(companyId, request);
    try {
      return await request.code;
    } finally {
      if (this.#latest.get(companyId) === request) this.#latest.delete(companyId);
    }
  }
}
