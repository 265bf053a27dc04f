import type { CompanyId } from '../../domain/ids.ts';
import { withTimeout } from '../../lib/async/with-timeout.ts';
import type { Logger } from '../../observability/logger.ts';
import type { Lease, Leases } from '../../ports/sessions.ts';

export type LeaseTimings = Readonly<{
  /** How long a lease holds without being renewed. */
  ttlMs: number;
  renewIntervalMs: number;
}>;

export type LeaseKeeperDeps = Readonly<{
  leases: Leases;
  owner: string;
  timings: LeaseTimings;
  /** Milliseconds of a clock that never jumps. */
  monotonicMs: () => number;
  logger: Logger;
}>;

/**
 * Holds the lease of one company: renews it, and tells at once when it is lost. When renewals fail it stops trusting the
 * lease before it can have run out, since another instance may act from then on.
 */
export class LeaseKeeper {
  readonly #companyId: CompanyId;
  readonly #options: LeaseKeeperDeps;
  readonly #onLost: () => void;
  #lease: Lease | undefined;
  #validUntilMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(companyId: CompanyId, options: LeaseKeeperDeps, onLost: () => void) {
    this.#companyId = companyId;
    this.#options = options;
    this.#onLost = onLost;
  }

  /** Undefined also when the lease can no longer be trusted, although nobody has said so yet. */
  get lease(): Lease | undefined {
    return this.#options.monotonicMs() < this.#validUntilMs ? this.#lease : undefined;
  }

  /** A new grant, whose token is greater than any before, also of a lease held already; undefined while another instance has it. */
  async acquire(): Promise<Lease | undefined> {
    // A renewal of the grant before would be refused from now on, and mean nothing.
    this.#clearLease();
    const { leases, owner, timings } = this.#options;
    const requestedAtMs = this.#options.monotonicMs();
    const lease = await leases.acquire(this.#companyId, owner, timings.ttlMs);
    if (lease !== undefined) this.#setLease(lease, requestedAtMs);
    return lease;
  }

  /** Asks whether the lease is still ours. @returns false when it is lost, as `onLost` has been told by then */
  async verify(): Promise<boolean> {
    // A renewal that is never answered ends with the trust in the lease.
    await withTimeout(this.#renew(), this.#options.timings.ttlMs);
    return this.lease !== undefined;
  }

  /** A lease that cannot be given back runs out by itself. */
  async release(): Promise<void> {
    const lease = this.#lease;
    this.#clearLease();
    if (lease === undefined) return;
    try {
      await this.#options.leases.release(lease);
    } catch (error) {
      this.#options.logger.warn('WhatsApp lease release failed', { companyId: this.#companyId, error });
    }
  }

  /** The store refused a write under this lease. */
  markLost(): void {
    if (this.#lease === undefined) return;
    this.#clearLease();
    this.#onLost();
  }

  #setLease(lease: Lease, requestedAtMs: number): void {
    const { ttlMs, renewIntervalMs } = this.#options.timings;
    this.#lease = lease;
    // The clocks of two machines run at slightly different speeds.
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
    const { leases, timings, monotonicMs, logger } = this.#options;
    const requestedAtMs = monotonicMs();
    clearTimeout(this.#timer);
    // The answer may never come; the lease runs out all the same.
    this.#timer = setTimeout(() => this.markLost(), Math.max(0, this.#validUntilMs - requestedAtMs));
    try {
      const isRenewed = await leases.renew(lease, timings.ttlMs);
      if (this.#lease !== lease) return;
      if (isRenewed) this.#setLease(lease, requestedAtMs);
      else this.markLost();
    } catch (error) {
      if (this.#lease !== lease) return;
      logger.warn('WhatsApp lease renewal failed', { companyId: this.#companyId, error });
      const remainingMs = this.#validUntilMs - monotonicMs();
      if (remainingMs <= 0) this.markLost();
      else this.#scheduleRenewal(Math.min(remainingMs, timings.renewIntervalMs / 5));
    }
  }
}
