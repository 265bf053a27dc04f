import type { CompanyId } from '../../src/domain/ids.ts';
import type { Lease } from '../../src/ports/ports.ts';
import { registeredCompany, type useStore } from './storage.ts';
import { TimeTraveller } from './time-traveller.ts';

const leaseMs = 60 * 60_000;

/** A company whose messages one may claim, and its time. */
export async function leasedCompany({
  database,
  repositories,
}: ReturnType<typeof useStore>): Promise<
  Readonly<{ companyId: CompanyId; lease: Lease; time: TimeTraveller }>
> {
  const { id: companyId } = await registeredCompany(repositories);
  const lease = await repositories.leases.acquire(companyId, 'owner', leaseMs);
  if (lease === undefined) throw new Error('No lease');
  return { companyId, lease, time: new TimeTraveller(database, companyId) };
}
