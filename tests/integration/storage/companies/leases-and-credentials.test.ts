import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { LeaseLostError } from '../../../../src/domain/errors/lease-lost-error.ts';
import type { CompanyId } from '../../../../src/domain/ids.ts';
import type { Lease } from '../../../../src/ports/sessions.ts';
import { engines } from '../../../support/fixtures/engines.ts';
import { registerCompany, useStore } from '../../../support/fixtures/storage.ts';

const minuteMs = 60_000;

describe.each(
  engines({ both: 'A lease is taken under a row lock; PGlite has one connection and never waits for one' }),
)('leases, credentials and connect tokens in $name', ({ make }) => {
  const store = useStore(make);
  let id: CompanyId;

  async function granted(owner: string, ttlMs = minuteMs): Promise<Lease> {
    const lease = await store.repositories.leases.acquire(id, owner, ttlMs);
    if (lease === undefined) throw new Error('The lease was not granted');
    return lease;
  }

  describe('a lease', () => {
    it('is granted to one of several concurrent owners', async () => {
      id = (await registerCompany(store.repositories)).id;
      const owners = Array.from({ length: 10 }, (_, index) => `instance-${index}`);

      const leases = await Promise.all(
        owners.map((owner) => store.repositories.leases.acquire(id, owner, minuteMs)),
      );

      expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1);
    });

    it('is granted to another owner only after it expired by the database clock', async () => {
      const { leases } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const grantedAtMs = performance.now();
      const first = await granted('first', 400);

      expect(await leases.acquire(id, 'second', minuteMs)).toBeUndefined();
      const second = await waitFor('the takeover', () => leases.acquire(id, 'second', minuteMs));

      expect(performance.now() - grantedAtMs).toBeGreaterThanOrEqual(390);
      expect(second.token).toBeGreaterThan(first.token);
      expect(await leases.renew(first, minuteMs)).toBe(false);
      expect(await leases.renew(second, minuteMs)).toBe(true);
    });

    it('can be renewed until it expires', async () => {
      const { leases } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const lease = await granted('owner', 300);
      expect(await leases.renew(lease, minuteMs)).toBe(true);
      expect(await leases.renew(lease, 50)).toBe(true);

      await waitFor('the end', async () => !(await leases.renew(lease, 1)));

      expect(await leases.acquire(id, 'other', minuteMs)).toBeDefined();
    });

    it('is granted again to its owner under a new token, which invalidates the old one', async () => {
      const { leases } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const first = await granted('owner');
      const again = await granted('owner');

      expect(again.token).toBe(first.token + 1);
      expect(await leases.renew(first, minuteMs)).toBe(false);
    });

    it('is available immediately after a release; a stale release has no effect', async () => {
      const { leases } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const first = await granted('first');
      await leases.release(first);
      const second = await granted('second');
      await leases.release(first);

      expect(second.token).toBeGreaterThan(first.token);
      expect(await leases.acquire(id, 'third', minuteMs)).toBeUndefined();
      expect(await leases.renew(second, minuteMs)).toBe(true);
    });
  });

  describe('credentials', () => {
    it('are read back unchanged by id after a write of hundreds', async () => {
      const { credentials } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const lease = await granted('owner');
      const keys = Array.from({ length: 812 }, (_, index) => ({
        type: 'pre-key',
        id: String(index),
        value: randomBytes(1 + (index % 90)),
      }));
      const strange = { type: 'session', id: `79001234567.0:"'\\ % _`, value: Buffer.alloc(0) };

      await credentials.write(lease, [...keys, strange]);

      const read = await credentials.read(id, 'pre-key', ['0', '500', '811', 'missing']);
      expect([...read.keys()].toSorted()).toEqual(['0', '500', '811']);
      expect(Buffer.from(read.get('811') ?? []).equals(keys[811]?.value ?? Buffer.alloc(1))).toBe(true);
      expect((await credentials.read(id, 'session', [strange.id])).get(strange.id)).toHaveLength(0);
      expect(await credentials.companies()).toContain(id);
    });

    it('are replaced and deleted in one write, in which the last change of a row wins', async () => {
      const { credentials } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const lease = await granted('owner');
      const put = (key: string, value: number | null) =>
        ({ type: 'session', id: key, value: value === null ? null : Buffer.from([value]) }) as const;
      await credentials.write(lease, [put('a', 1), put('b', 1)]);

      await credentials.write(lease, [put('a', 2), put('b', null), put('c', 3), put('c', 4), put('d', null)]);

      const read = await credentials.read(id, 'session', ['a', 'b', 'c', 'd']);
      expect(new Map([...read].map(([key, value]) => [key, value[0]]))).toEqual(
        new Map(Object.entries({ a: 2, c: 4 })),
      );
    });

    it('are re-encrypted only if unchanged since they were read', async () => {
      const { credentials, encryptedValues } = store.repositories;
      const [table] = encryptedValues.tables;
      id = (await registerCompany(store.repositories)).id;
      const lease = await granted('owner');
      const name = { type: 'creds', id: 'main' };
      await credentials.write(lease, [{ ...name, value: Buffer.from('read') }]);
      const stored = { ...name, companyId: id, token: 0, context: '', value: Buffer.from('read') };
      expect(await table?.replace([{ stored, value: Buffer.from('re-encrypted') }])).toBe(1);
      expect(await table?.replace([{ stored, value: Buffer.from('late') }])).toBe(0);
      const kept = (await credentials.read(id, 'creds', ['main'])).get('main') ?? [];
      expect(Buffer.from(kept).toString()).toBe('re-encrypted');
    });

    it('cannot be written with a stale lease', async () => {
      const { credentials, leases } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const old = await granted('old');
      await credentials.write(old, [{ type: 'creds', id: 'main', value: Buffer.from('old') }]);
      await leases.release(old);
      const present = await granted('new');
      await credentials.write(present, [{ type: 'creds', id: 'main', value: Buffer.from('new') }]);

      await expect(
        credentials.write(old, [{ type: 'creds', id: 'main', value: Buffer.from('late') }]),
      ).rejects.toBeInstanceOf(LeaseLostError);
      await expect(credentials.erase(old)).rejects.toBeInstanceOf(LeaseLostError);

      expect(Buffer.from((await credentials.read(id, 'creds', ['main'])).get('main') ?? []).toString()).toBe(
        'new',
      );
    });

    it('are deleted by erase', async () => {
      const { credentials } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const lease = await granted('owner');
      await credentials.write(lease, [{ type: 'creds', id: 'main', value: Buffer.from('x') }]);

      await credentials.erase(lease);

      expect(await credentials.read(id, 'creds', ['main'])).toEqual(new Map());
      expect(await credentials.companies()).not.toContain(id);
    });
  });

  describe('probe', () => {
    const written = async () => {
      const [row] = await store.database.sql.transaction((session) =>
        session.query("select (pg_current_wal_insert_lsn() - '0/0')::bigint as bytes"),
      );
      return Number(row?.['bytes']);
    };

    it('writes and leaves nothing behind', async () => {
      const { credentials } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const lease = await granted('owner');
      const before = await written();
      await credentials.probe(lease, 65_536);
      expect((await written()) - before).toBeGreaterThan(65_536);
      expect(await credentials.companies()).not.toContain(id);
    });

    it('fails without the lease', async () => {
      const { credentials, leases } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const lease = await granted('owner');
      await leases.acquire(id, lease.owner, minuteMs);
      await expect(credentials.probe(lease, 65_536)).rejects.toBeInstanceOf(LeaseLostError);
    });
  });

  describe('quarantined credentials', () => {
    const creds = (text: string) => ({ type: 'creds', id: 'main', value: Buffer.from(text) });
    const setAside = async () => {
      const [row] = await store.database.sql.transaction((session) =>
        session.query('select count(*)::int as rows from public.whatsapp_quarantine where company_id = $1', [
          id,
        ]),
      );
      return row?.['rows'];
    };

    it('are invisible to sessions, do not affect a new link, and are erased by age', async () => {
      const { credentials } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const first = await granted('owner');
      await credentials.write(first, [creds('first')]);
      await credentials.quarantine(first);
      expect(await credentials.read(id, 'creds', ['main'])).toEqual(new Map());
      expect(await credentials.companies()).not.toContain(id);

      const second = await granted('owner');
      await credentials.write(second, [creds('second')]);
      await credentials.quarantine(second);
      await credentials.write(second, [creds('third')]);
      await credentials.eraseQuarantined(minuteMs);
      expect(await setAside()).toBe(2);

      await credentials.eraseQuarantined(0);
      expect(await setAside()).toBe(0);
      const kept = (await credentials.read(id, 'creds', ['main'])).get('main') ?? [];
      expect(Buffer.from(kept).toString()).toBe('third');
    });

    it('cannot be created with a stale lease', async () => {
      const { credentials, leases } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const old = await granted('old');
      await credentials.write(old, [creds('kept')]);
      await leases.release(old);
      await granted('new');

      await expect(credentials.quarantine(old)).rejects.toBeInstanceOf(LeaseLostError);

      expect(await credentials.companies()).toContain(id);
    });
  });

  describe('the client version', () => {
    it('is the newest saved version', async () => {
      const { clientVersion } = store.repositories;
      expect(await clientVersion.read()).toBeUndefined();
      await clientVersion.save([2, 3000, 1_043_857_760]);
      await clientVersion.save([2, 3000, 1_051_000_000]);
      await clientVersion.save([2, 3000, 99]);
      expect(await clientVersion.read()).toEqual([2, 3000, 1_051_000_000]);
    });
  });

  describe('a connect token', () => {
    it('is valid for its company until it expires or is revoked', async () => {
      const { connectTokens } = store.repositories;
      id = (await registerCompany(store.repositories)).id;
      const other = await registerCompany(store.repositories);
      const [lasting, short] = [tokenHash(), tokenHash()];

      await connectTokens.save(lasting, id, new Date(Date.now() + minuteMs));
      await connectTokens.save(lasting, id, new Date(Date.now() + minuteMs));
      await connectTokens.save(short, id, new Date(Date.now() + 300));
      expect(await connectTokens.isValid(lasting, id)).toBe(true);
      expect(await connectTokens.isValid(lasting, other.id)).toBe(false);
      expect(await connectTokens.isValid(tokenHash(), id)).toBe(false);

      await waitFor('the end of the short one', async () => !(await connectTokens.isValid(short, id)));
      expect(await connectTokens.isValid(lasting, id)).toBe(true);
      await connectTokens.revokeAll(id);
      expect(await connectTokens.isValid(lasting, id)).toBe(false);
    });
  });
});

function tokenHash(): string {
  return createHash('sha256').update(randomBytes(8)).digest('hex');
}
