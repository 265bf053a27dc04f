import type { CompanyId } from '../../src/domain/ids.ts';
import type { Lease, Leases } from '../../src/ports/ports.ts';

type Granted = { lease: Lease; expiresAtMs: number };

/** Leases that several managers of one test share, and that the test can take away. */
export class LeasesInMemory implements Leases {
  readonly #granted = new Map<CompanyId, Granted>();
  #lastToken = 0;
  /** While set, every call fails with it. */
  failure: Error | undefined;

  async acquire(companyId: CompanyId, owner: string, ttlMs: number): Promise<Lease | undefined> {
    this.#failIfBroken();
    const granted = this.#granted.get(companyId);
    const isFree = granted === undefined || granted.expiresAtMs <= performance.now();
    if (!isFree && granted.lease.owner !== owner) return undefined;
    this.#lastToken += 1;
    const lease: Lease = { companyId, owner, token: this.#lastToken };
    this.#granted.set(companyId, { lease, expiresAtMs: performance.now() + ttlMs });
    return lease;
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    this.#failIfBroken();
    const granted = this.#granted.get(lease.companyId);
    if (granted === undefined || granted.lease.token !== lease.token) return false;
    granted.expiresAtMs = performance.now() + ttlMs;
    return true;
  }

  async release(lease: Lease): Promise<void> {
    this.#failIfBroken();
    if (this.#granted.get(lease.companyId)?.lease.token === lease.token)
      this.#granted.delete(lease.companyId);
  }

  holderOf(companyId: CompanyId): string | undefined {
    return this.#granted.get(companyId)?.lease.owner;
  }

  /** Gives the company to somebody else, as after a pause of its holder. */
  async takeAway(companyId: CompanyId, newOwner: string, ttlMs = 60_000): Promise<Lease> {
    this.#granted.delete(companyId);
    const lease = await this.acquire(companyId, newOwner, ttlMs);
    if (lease === undefined) throw new Error('A free lease was not granted');
    return lease;
  }

  #failIfBroken(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
