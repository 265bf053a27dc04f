import type { CompanyId } from '../../domain/ids.ts';
import type { Lease, Leases } from '../../ports/sessions.ts';
import type { Rpc } from '../rpc/client.ts';

/** Session leases, which expire by the database clock. */
export class StoredLeases implements Leases {
  readonly #rpc: Rpc;

  constructor(rpc: Rpc) {
    this.#rpc = rpc;
  }

  async acquire(companyId: CompanyId, owner: string, ttlMs: number): Promise<Lease | undefined> {
    const token = await this.#rpc.call('lease_acquire', {
      p_company_id: companyId,
      p_owner: owner,
      p_ttl_ms: Math.round(ttlMs),
    });
    return typeof token === 'number' ? { companyId, owner, token } : undefined;
  }

  async renew(lease: Lease, ttlMs: number): Promise<boolean> {
    return (
      (await this.#rpc.call('lease_renew', { ...leaseArguments(lease), p_ttl_ms: Math.round(ttlMs) })) ===
      true
    );
  }

  async release(lease: Lease): Promise<void> {
    await this.#rpc.call('lease_release', leaseArguments(lease));
  }
}

function leaseArguments(lease: Lease): Readonly<Record<string, unknown>> {
  return { p_company_id: lease.companyId, p_owner: lease.owner, p_token: lease.token };
}
