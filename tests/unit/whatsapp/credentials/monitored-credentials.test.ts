import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';
import { CredentialStore } from '../../../../src/whatsapp/credentials/credential-store.ts';
import { MonitoredCredentials } from '../../../../src/whatsapp/credentials/monitored-credentials.ts';
import { SqliteCredentials } from '../../../../src/whatsapp/credentials/sqlite-credentials.ts';

const lease = { companyId: companyIdFrom(3), owner: 'a', token: 5 };
const change = { type: 'session', id: 'a', value: 'small' };
const diskFull = new Error('database or disk is full');

describe('MonitoredCredentials', () => {
  let directory: TemporaryDirectory;
  let repository: SqliteCredentials;
  let store: CredentialStore;
  let reported: string[];

  beforeEach(() => {
    directory = new TemporaryDirectory();
    repository = new SqliteCredentials(directory.path);
    reported = [];
    const outage = new OutageMonitor(
      { began: () => reported.push('began'), ended: () => reported.push('ended') },
      () => performance.now(),
    );
    const keyring = new Keyring([{ id: 'k1', key: randomBytes(32) }]);
    store = new CredentialStore(new MonitoredCredentials(repository, outage), keyring);
  });

  afterEach(() => {
    repository[Symbol.dispose]();
    directory[Symbol.dispose]();
  });

  it('probes once for all logins while no write fails, and the probe leaves no data', async () => {
    const probe = vi.spyOn(repository, 'probe');
    await store.open(lease);
    await expect(repository.companies()).resolves.toEqual([]);
    for (let companyId = 4; companyId < 8; companyId += 1) {
      const credentials = await store.open({ ...lease, companyId: companyIdFrom(companyId) });
      await credentials.write([change]);
    }
    expect(probe).toHaveBeenCalledTimes(1);
    expect(reported).toEqual([]);
  });

  it('rejects logins after a failed write until a probe succeeds, even if small writes succeed', async () => {
    const credentials = await store.open(lease);
    vi.spyOn(repository, 'write').mockRejectedValueOnce(diskFull);
    await expect(credentials.write([change])).rejects.toBe(diskFull);

    const probe = vi.spyOn(repository, 'probe').mockRejectedValue(diskFull);
    await credentials.write([change]);
    await store.eraseQuarantined();
    await store.erase(lease);
    await expect(store.open(lease)).rejects.toBe(diskFull);
    expect(reported).toEqual(['began']);

    probe.mockRestore();
    await store.open(lease);
    expect(reported).toEqual(['began', 'ended']);
  });

  it('probes again after the next successful write of a session, without a login', async () => {
    const credentials = await store.open(lease);
    vi.spyOn(repository, 'write').mockRejectedValueOnce(diskFull);
    await expect(credentials.write([change])).rejects.toBe(diskFull);
    await credentials.write([change]);
    expect(reported).toEqual(['began', 'ended']);
  });

  it('does not report a lost lease as an outage', async () => {
    await store.open({ ...lease, token: 6 });
    await expect(store.open(lease)).rejects.toThrow('is stale');
    expect(reported).toEqual([]);
  });
});
