import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { Outage } from '../../../../src/lib/async/outage-monitor.ts';
import { SecretBox } from '../../../../src/crypto/keyring.ts';
import { CredentialStore } from '../../../../src/whatsapp/credentials/credential-store.ts';
import { SqliteCredentialRows } from '../../../../src/whatsapp/credentials/sqlite-credentials.ts';
import { WatchedCredentialRows } from '../../../../src/whatsapp/credentials/monitored-credentials.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';

const lease = { companyId: companyIdFrom(3), owner: 'a', token: 5 };
const change = { type: 'session', id: 'a', value: 'small' };
const full = new Error('database or disk is full');

describe('room for credentials', () => {
  let directory: TemporaryDirectory;
  let rows: SqliteCredentialRows;
  let store: CredentialStore;
  let told: string[];

  beforeEach(() => {
    directory = new TemporaryDirectory();
    rows = new SqliteCredentialRows(directory.path);
    told = [];
    const outage = new Outage({ began: () => told.push('began'), ended: () => told.push('ended') }, () =>
      performance.now(),
    );
    const box = new SecretBox([{ id: 'k1', key: randomBytes(32) }]);
    store = new CredentialStore(new WatchedCredentialRows(rows, outage), box);
  });

  afterEach(() => {
    rows[Symbol.dispose]();
    directory[Symbol.dispose]();
  });

  it('is proven once for all logins while nothing fails, and the proof leaves nothing behind', async () => {
    const probe = vi.spyOn(rows, 'probe');
    await store.open(lease);
    await expect(rows.companies()).resolves.toEqual([]);
    for (let companyId = 4; companyId < 8; companyId += 1) {
      const credentials = await store.open({ ...lease, companyId: companyIdFrom(companyId) });
      await credentials.write([change]);
    }
    expect(probe).toHaveBeenCalledTimes(1);
    expect(told).toEqual([]);
  });

  it('is in doubt after a failed write: no login until it is proven again, whatever small things succeed', async () => {
    const credentials = await store.open(lease);
    vi.spyOn(rows, 'write').mockRejectedValueOnce(full);
    await expect(credentials.write([change])).rejects.toBe(full);

    const probe = vi.spyOn(rows, 'probe').mockRejectedValue(full);
    await credentials.write([change]);
    await store.eraseQuarantined();
    await store.erase(lease);
    await expect(store.open(lease)).rejects.toBe(full);
    expect(told).toEqual(['began']);

    probe.mockRestore();
    await store.open(lease);
    expect(told).toEqual(['began', 'ended']);
  });

  it('is proven again by a session that goes on writing, though nobody logs in', async () => {
    const credentials = await store.open(lease);
    vi.spyOn(rows, 'write').mockRejectedValueOnce(full);
    await expect(credentials.write([change])).rejects.toBe(full);
    await credentials.write([change]);
    expect(told).toEqual(['began', 'ended']);
  });

  it('is not asked for by whoever has lost the lease, and that is no outage', async () => {
    await store.open({ ...lease, token: 6 });
    await expect(store.open(lease)).rejects.toThrow('leased again');
    expect(told).toEqual([]);
  });
});
