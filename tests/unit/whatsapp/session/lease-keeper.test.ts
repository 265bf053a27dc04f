import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { LeaseKeeper } from '../../../../src/whatsapp/session/lease-keeper.ts';
import { captureLog } from '../../../support/checkers/captured-log.ts';
import { InMemoryLeases } from '../../../support/fixtures/whatsapp/in-memory-leases.ts';

const company = companyIdFrom(1);

function createKeeper(leases: InMemoryLeases, owner: string) {
  const losses: string[] = [];
  const keeper = new LeaseKeeper(
    company,
    {
      leases,
      owner,
      timeouts: { ttlMs: 30_000, renewIntervalMs: 10_000 },
      monotonicMs: () => performance.now(),
      logger: captureLog(),
    },
    () => losses.push(owner),
  );
  return { keeper, losses };
}

describe('LeaseKeeper', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('keeps the lease from other owners as long as it renews', async () => {
    const leases = new InMemoryLeases();
    const first = createKeeper(leases, 'a');
    const second = createKeeper(leases, 'b');
    await first.keeper.acquire();
    await vi.advanceTimersByTimeAsync(300_000);
    await expect(second.keeper.acquire()).resolves.toBeUndefined();
    expect(first.keeper.lease).toMatchObject({ owner: 'a', token: 1 });

    await first.keeper.release();
    expect(first.keeper.lease).toBeUndefined();
    await expect(second.keeper.acquire()).resolves.toMatchObject({ owner: 'b', token: 2 });
    expect(first.losses).toEqual([]);
    await second.keeper.release();
  });

  it('gets a greater token with each acquire; renewals keep the token', async () => {
    const leases = new InMemoryLeases();
    const { keeper, losses } = createKeeper(leases, 'a');
    await keeper.acquire();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(keeper.lease).toMatchObject({ token: 1 });
    await expect(keeper.acquire()).resolves.toMatchObject({ token: 2 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(keeper.lease).toMatchObject({ token: 2 });
    expect(losses).toEqual([]);
    await keeper.release();
  });

  it('ignores the refused renewal of the previous token during an acquire', async () => {
    const leases = new InMemoryLeases();
    const { keeper, losses } = createKeeper(leases, 'a');
    const first = await keeper.acquire();
    const grant = Promise.withResolvers<void>();
    const acquire = leases.acquire.bind(leases);
    leases.acquire = async (...request) => {
      const lease = await acquire(...request);
      await grant.promise;
      return lease;
    };
    await vi.advanceTimersByTimeAsync(9_999);
    const second = keeper.acquire();
    await vi.advanceTimersByTimeAsync(5_000);
    grant.resolve();
    expect(first).toMatchObject({ token: 1 });
    await expect(second).resolves.toMatchObject({ token: 2 });
    expect(keeper.lease).toMatchObject({ token: 2 });
    expect(losses).toEqual([]);
    await keeper.release();
  });

  it('reports at the next renewal that another owner has the lease', async () => {
    const leases = new InMemoryLeases();
    const { keeper, losses } = createKeeper(leases, 'a');
    await keeper.acquire();
    await leases.reassign(company, 'b');
    await vi.advanceTimersByTimeAsync(10_000);
    expect(losses).toEqual(['a']);
    expect(keeper.lease).toBeUndefined();
  });

  it('verifies the lease on demand: survives an error, reports a loss at once', async () => {
    const leases = new InMemoryLeases();
    const { keeper, losses } = createKeeper(leases, 'a');
    const lease = await keeper.acquire();
    await expect(keeper.verify()).resolves.toBe(true);
    leases.failure = new Error('down');
    await expect(keeper.verify()).resolves.toBe(true);
    leases.failure = undefined;
    expect(keeper.lease).toEqual(lease);

    await leases.reassign(company, 'b');
    await expect(keeper.verify()).resolves.toBe(false);
    expect(losses).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(losses).toEqual(['a']);
  });

  it('keeps the lease through a short outage of the store', async () => {
    const leases = new InMemoryLeases();
    const { keeper, losses } = createKeeper(leases, 'a');
    await keeper.acquire();
    leases.failure = new Error('down');
    await vi.advanceTimersByTimeAsync(20_000);
    leases.failure = undefined;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(losses).toEqual([]);
    expect(keeper.lease).toBeDefined();
    await keeper.release();
  });

  it('drops the lease before it expires when renewals fail or never return', async () => {
    for (const breakStore of [
      (leases: InMemoryLeases) => void (leases.failure = new Error('down')),
      (leases: InMemoryLeases) => void (leases.renew = () => new Promise(() => undefined)),
    ]) {
      const leases = new InMemoryLeases();
      const { keeper, losses } = createKeeper(leases, 'a');
      await keeper.acquire();
      breakStore(leases);
      await vi.advanceTimersByTimeAsync(26_000);
      expect(keeper.lease).toBeDefined();
      await vi.advanceTimersByTimeAsync(1_500);
      expect(keeper.lease).toBeUndefined();
      expect(losses).toEqual(['a']);
    }
  });
});
