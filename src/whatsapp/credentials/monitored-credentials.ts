import type { CompanyId } from '../../domain/ids.ts';
import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import type { EncryptedReplacement } from '../../ports/encrypted-values.ts';
import { probeBytes, type CredentialRepository } from './credential-store.ts';
import type { CredentialChange } from '../../ports/credentials.ts';
import type { Lease } from '../../ports/sessions.ts';

/** Nobody waits by it: sessions have a back-off of their own. */
const noBackoff = { minMs: 0, maxMs: 0 };

/**
 * Credential rows whose failing writes are told once, whatever number of sessions feels them, until there is room again. A small
 * write proves none: it may find its place in a log that was longer before. The room is in doubt from the start and after
 * each failure, until a probe has succeeded.
 */
export class MonitoredCredentials implements CredentialRepository {
  readonly #repository: CredentialRepository;
  readonly #outage: OutageMonitor;
  #hasDiskSpace = false;

  constructor(repository: CredentialRepository, outage: OutageMonitor) {
    this.#repository = repository;
    this.#outage = outage;
  }

  read(companyId: CompanyId, type: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#repository.read(companyId, type, ids);
  }

  companies(): Promise<readonly CompanyId[]> {
    return this.#repository.companies();
  }

  async write(lease: Lease, changes: readonly CredentialChange[]): Promise<void> {
    await this.#monitor(() => this.#repository.write(lease, changes));
    // What was to be written is written; that there is no room for more is told by the probe.
    if (changes.length > 0) await this.probe(lease, probeBytes).catch(() => undefined);
  }

  /** Costs nothing while nobody doubts the room. */
  async probe(lease: Lease, bytes: number): Promise<void> {
    if (this.#hasDiskSpace) return;
    await this.#monitor(() => this.#repository.probe(lease, bytes));
    this.#hasDiskSpace = true;
    this.#outage.success();
  }

  async erase(lease: Lease): Promise<void> {
    await this.#monitor(() => this.#repository.erase(lease));
  }

  async quarantine(lease: Lease): Promise<void> {
    await this.#monitor(() => this.#repository.quarantine(lease));
  }

  replace(replacements: readonly EncryptedReplacement[]): Promise<number> {
    return this.#repository.replace(replacements);
  }

  async eraseQuarantined(olderThanMs: number): Promise<void> {
    await this.#repository.eraseQuarantined(olderThanMs);
  }

  async #monitor(write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      if (!(error instanceof LeaseLostError)) {
        this.#hasDiskSpace = false;
        this.#outage.failure(error, noBackoff);
      }
      throw error;
    }
  }
}
