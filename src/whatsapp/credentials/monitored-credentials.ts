import { LeaseLostError } from '../../domain/errors/lease-lost-error.ts';
import type { CompanyId } from '../../domain/ids.ts';
import type { OutageMonitor } from '../../lib/async/outage-monitor.ts';
import type { CredentialChange, CredentialRepository } from '../../ports/credentials.ts';
import type { Lease } from '../../ports/sessions.ts';
import { probeBytes } from './credential-store.ts';

/** Unused: sessions have their own back-off. */
const noBackoff = { minMs: 0, maxMs: 0 };

/**
 * Reports failing writes as one outage for all sessions. Only a probe ends it: after a failure small writes can still succeed
 * within the space of the existing write-ahead log. Free disk space is unproven at the start and after each failure.
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
    // The write succeeded; the probe reports its own failure as an outage.
    if (changes.length > 0) await this.probe(lease, probeBytes).catch(() => undefined);
  }

  /** Does nothing while disk space is proven. */
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
