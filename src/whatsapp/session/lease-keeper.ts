import type { CompanyId } from '../../domain/ids.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Lease, Leases } from '../../ports/sessions.ts';

export type LeaseTimeouts = Readonly<{
  /** How long a lease is valid without renewal. */
  ttlMs: number;
  renewIntervalMs: number;
}>;

export type LeaseKeeperDeps = Readonly<{
  leases: Leases;
  owner: string;
  timeouts: LeaseTimeouts;
  monotonicMs: () => number;
  logger: Logger;
}>;

/**
 * Holds and renews the lease of one company, and calls `onLost` when it is lost. While renewals fail, the lease counts as
 * lost at 90 % of its TTL: another instance may acquire it after that.
 */
export class LeaseKeeper {
  readonly #companyId: CompanyId;
  readonly #deps: LeaseKeeperDeps;
  readonly #onLost: () => void;
  #lease: Lease | undefined;
  #validUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(companyId: CompanyId, deps: LeaseKeeperDeps, onLost: () => void) {
    this.#companyId = companyId;
    this.#deps = deps;
    this.#onLost = onLost;
  }

  /** undefined as soon as its validity has run out, even before `onLost` is called. */
  get lease(): Lease | undefined {
    return this.#deps.monotonicMs() < this.#validUntilMs ? this.#lease : undefined;
  }

  /** Each call returns a greater token, even if the lease is already held. undefined while another instance has it. */
  async acquire(): Promise<Lease | undefined> {
    // A pending renewal of the previous token will be refused, which does not mean that the new lease is lost.
    this.#clearLease();
    const { leases, owner, timeouts } = this.#deps;
    const requestedAtMs = this.#deps.monotonicMs();
    const lease = await leases.acquire(this.#companyId, owner, timeouts.ttlMs);
    if (lease !== undefined) this.#setLease(lease, requestedAtMs);
    return lease;
  }

  /** Renews now. @returns false if the lease is lost; `onLost` has been called in that case */
  async verify(): Promise<boolean> {
    // A renewal without a response ends when the lease runs out.
    await withTimeout(this.#renew(), this.#deps.timeouts.ttlMs);
    return this.lease !== undefined;
  }

  /** Never throws: a lease that cannot be released expires. */
  async release(): Promise<void> {
    const lease = this.#lease;
    this.#clearLease();
    if (lease === undefined) return;
    try {
      await this.#deps.leases.release(lease);
    } catch (error) {
      this.#deps.logger.warn('WhatsApp lease release failed', { companyId: this.#companyId, error });
    }
  }

  /** Call it when the store has refused a write under this lease. */
  markLost(): void {
    if (this.#lease === undefined) return;
    this.#clearLease();
    this.#onLost();
  }

  #setLease(lease: Lease, requestedAtMs: number): void {
    const { ttlMs, renewIntervalMs } = this.#deps.timeouts;
    this.#lease = lease;
    // 90 %: the database clock may run slightly faster than ours.
    this.#validUntilMs = requestedAtMs + ttlMs * 0.9;
    this.#scheduleRenewal(renewIntervalMs);
  }

  #clearLease(): void {
    clearTimeout(this.#timer);
    this.#lease = undefined;
    this.#validUntilMs = 0;
  }

  #scheduleRenewal(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#renew(), delayMs);
  }

  async #renew(): Promise<void> {
    const lease = this.#lease;
    if (lease === undefined) return;
    const { leases, timeouts, monotonicMs, logger } = this.#deps;
    const requestedAtMs = monotonicMs();
    clearTimeout(this.#timer);
    // The lease expires even if the request never resolves.
    this.#timer = setTimeout(() => this.markLost(), Math.max(0, this.#validUntilMs - requestedAtMs));
    try {
      const isRenewed = await leases.renew(lease, timeouts.ttlMs);
      if (this.#lease !== lease) return;
      if (isRenewed) this.#setLease(lease, requestedAtMs);
      else this.markLost();
    } catch (error) {
      if (this.#lease !== lease) return;
      logger.warn('WhatsApp lease renewal failed', { companyId: this.#companyId, error });
      const remainingMs = this.#validUntilMs - monotonicMs();
      if (remainingMs <= 0) this.markLost();
      else this.#scheduleRenewal(Math.min(remainingMs, timeouts.renewIntervalMs / 5));
    }
  }
}
