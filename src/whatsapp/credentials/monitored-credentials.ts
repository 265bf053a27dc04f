import type { CompanyId } from '../../domain/ids.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { Outage } from '../../lib/async/outage-monitor.ts';
import type { CredentialChange, Lease } from '../../ports/ports.ts';
import type { SealedReplacement } from '../../ports/encrypted-values.ts';
import { probeBytes, type QuarantiningRows } from './credential-store.ts';

/** Nobody waits by it: sessions have a back-off of their own. */
const noWait = { shortest: 0, longest: 0 };

/**
 * Credential rows whose failing writes are told once, whatever number of sessions feels them, until there is room again. A small
 * write proves none: it may find its place in a log that was longer before. The room is in doubt from the start and after
 * each failure, until a probe has succeeded.
 */
export class WatchedCredentialRows implements QuarantiningRows {
  readonly #rows: QuarantiningRows;
  readonly #outage: Outage;
  #hasRoom = false;

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
    // What was to be written is written; that there is no room for more is told by the probe.
    if (changes.length > 0) await this.probe(lease, probeBytes).catch(() => undefined);
  }

  /** Costs nothing while nobody doubts the room. */
  async probe(lease: Lease, bytes: number): Promise<void> {
    if (this.#hasRoom) return;
    await this.#watch(() => this.#rows.probe(lease, bytes));
    this.#hasRoom = true;
    this.#outage.over();
  }

  async erase(lease: Lease): Promise<void> {
    await this.#watch(() => this.#rows.erase(lease));
  }

  async quarantine(lease: Lease): Promise<void> {
    await this.#watch(() => this.#rows.quarantine(lease));
  }

  replace(replacements: readonly SealedReplacement[]): Promise<number> {
    return this.#rows.replace(replacements);
  }

  async eraseQuarantined(olderThanMs: number): Promise<void> {
    await this.#rows.eraseQuarantined(olderThanMs);
  }

  async #watch(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) {
        this.#hasRoom = false;
        this.#outage.felt(error, noWait);
      }
      throw error;
    }
  }
}
