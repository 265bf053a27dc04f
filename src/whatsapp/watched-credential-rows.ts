import type { CompanyId } from '../domain/ids.ts';
import { LeaseLostError } from '../domain/lease-lost-error.ts';
import type { Outage } from '../lib/outage.ts';
import type { CredentialChange, Lease } from '../marketplace/ports.ts';
import type { QuarantiningRows } from './credential-store.ts';

/** Nobody waits by it: sessions have a back-off of their own. */
const noWait = { shortest: 0, longest: 0 };

/** Credential rows whose failing writes are told once, whatever number of sessions feels them, until one succeeds. */
export class WatchedCredentialRows implements QuarantiningRows {
  readonly #rows: QuarantiningRows;
  readonly #outage: Outage;

  constructor(rows: QuarantiningRows, outage: Outage) {
    this.#rows = rows;
    this.#outage = outage;
  }

  read(companyId: CompanyId, type: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#rows.read(companyId, type, ids);
  }

  companies(): Promise<readonly CompanyId[]> {
    return this.#rows.companies();
  }

  async write(lease: Lease, changes: readonly CredentialChange[]): Promise<void> {
    await this.#watch(() => this.#rows.write(lease, changes));
  }

  async erase(lease: Lease): Promise<void> {
    await this.#watch(() => this.#rows.erase(lease));
  }

  async quarantine(lease: Lease): Promise<void> {
    await this.#watch(() => this.#rows.quarantine(lease));
  }

  async eraseQuarantined(olderThanMs: number): Promise<void> {
    await this.#watch(() => this.#rows.eraseQuarantined(olderThanMs));
  }

  async #watch(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.#outage.over();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) this.#outage.felt(error, noWait);
      throw error;
    }
  }
}
