import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import { CredentialStore } from '../../../../src/whatsapp/credentials/credential-store.ts';
import { SqliteCredentials } from '../../../../src/whatsapp/credentials/sqlite-credentials.ts';
import { MonitoredCredentials } from '../../../../src/whatsapp/credentials/monitored-credentials.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';

const lease = { companyId: companyIdFrom(3), owner: 'a', token: 5 };
const change = { type: 'session', id: 'a', value: 'small' };
const full = new Error('database or disk is full');

describe('room for credentials', () => {
  let directory: TemporaryDirectory;
  let rows: SqliteCredentials;
  let store: CredentialStore;
  let reported: string[];

  beforeEach(() => {
    directory = new TemporaryDirectory();
    rows = new SqliteCredentials(directory.path);
    reported = [];
    const outage = new OutageMonitor(
      { began: () => reported.push('began'), ended: () => reported.push('ended') },
      () => performance.now(),
    );
    const box = new Keyring([{ id: 'k1', key: randomBytes(32) }]);
    store = new CredentialStore(new MonitoredCredentials(rows, outage), box);
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
    expect(reported).toEqual([]);
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
    expect(reported).toEqual(['began']);

    probe.mockRestore();
    await store.open(lease);
    expect(reported).toEqual(['began', 'ended']);
  });

  it('is proven again by a session that goes on writing, though nobody logs in', async () => {
    const credentials = await store.open(lease);
    vi.spyOn(rows, 'write').mockRejectedValueOnce(full);
    await expect(credentials.write([change])).rejects.toBe(full);
    await credentials.write([change]);
    expect(reported).toEqual(['began', 'ended']);
  });

  it('is not asked for by whoever has lost the lease, and that is no outage', async () => {
    await store.open({ ...lease, token: 6 });
    await expect(store.open(lease)).rejects.toThrow('is stale');
    expect(reported).toEqual([]);
  });
});
