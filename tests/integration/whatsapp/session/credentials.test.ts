import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { Keyring } from '../../../../src/crypto/keyring.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

describe('after a restart', () => {
  it('a linked session reconnects within seconds without a QR code and sends', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.stop(await fixture.linkedHost());
    const host = fixture.host();
    const startedAtMs = performance.now();
    await host.manager.initializeManager();
    expect(host.manager.getSessionStatus(fixture.companyId).state).toBe('connecting');
    await host.waitForState(fixture.companyId, 'connected', 5_000);

    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect(host.qrCodes).toEqual([]);
    expect(host.connections).toEqual([{ phone: '+79031112233', firstTime: false }]);
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'снова здесь');
    await fixture.client.waitForMessage(({ text }) => text === 'снова здесь');
  });

  it('a killed instance reclaims its sessions at once under the same name', async () => {
    await using fixture = await SessionFixture.start();
    // Not stopped: its lease is still valid, as after a kill.
    await fixture.linkedHost();
    const host = fixture.host();
    await host.manager.initializeManager();
    await host.waitForState(fixture.companyId, 'connected', 5_000);
    expect(host.qrCodes).toEqual([]);
  });

  it('an unfinished pairing by code does not log in', async () => {
    await using fixture = await SessionFixture.start();
    const before = fixture.host();
    await before.manager.requestPairingCode(fixture.companyId, fixture.salon.number);
    await fixture.stop(before);
    const host = fixture.host();
    await host.manager.initializeManager();
    await host.waitForState(fixture.companyId, 'idle');
    expect(fixture.countEvents('login refused')).toBe(0);
    await expect(host.credentials.companies()).resolves.toEqual([]);
    await host.link(fixture.companyId, fixture.salon);
  });
});

describe('stored credentials', () => {
  it('contain no plaintext number, key or message, and only their owner can read the file', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Секретная стрижка');
    await fixture.client.waitForMessage(({ text }) => text === 'Секретная стрижка');

    const bytes = await host.readSessionFiles();
    expect(bytes.length).toBeGreaterThan(100_000);
    const traces = [fixture.salon.number, fixture.client.number, fixture.salon.lid, fixture.client.lid];
    for (const trace of [...traces, 's.whatsapp.net', 'Секретная', 'noiseKey', '"private"', 'advSecretKey']) {
      expect(bytes.includes(trace), trace).toBe(false);
    }
    const { mode } = await stat(join(fixture.directory, 'credentials.sqlite'));
    expect(mode & 0o777).toBe(0o600);
  });

  it('that are unreadable stop the session, are kept and work again with the right key', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.stop(await fixture.linkedHost());
    for (let starts = 0; starts < 2; starts += 1) {
      const withoutKey = fixture.host({ keyring: wrongKeyring() });
      await withoutKey.manager.initializeManager();
      await withoutKey.waitForState(fixture.companyId, 'stopped');
      expect(withoutKey.manager.getSessionStatus(fixture.companyId).detail).toBe('credentials_unreadable');
      await fixture.stop(withoutKey);
    }
    expect(fixture.countEvents('registration')).toBe(1);

    const host = fixture.host();
    await host.manager.initializeManager();
    await host.waitForState(fixture.companyId, 'connected');
  });

  it('that are unreadable are replaced by a new link on request', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.stop(await fixture.linkedHost());
    const keyring = wrongKeyring();
    const host = fixture.host({ keyring });
    await host.manager.initializeManager();
    await host.waitForState(fixture.companyId, 'stopped');
    await host.link(fixture.companyId, fixture.salon);
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'с новым ключом');
    await fixture.client.waitForMessage(({ text }) => text === 'с новым ключом');

    await fixture.stop(host);
    const restarted = fixture.host({ keyring });
    await restarted.manager.initializeManager();
    await restarted.waitForState(fixture.companyId, 'connected');
    expect(restarted.qrCodes).toEqual([]);
  });
});

describe('a logout', () => {
  it('requested by us unlinks the device and erases the credentials, also when repeated', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await host.manager.disconnectSession(fixture.companyId);
    await host.manager.disconnectSession(fixture.companyId);

    expect(host.manager.getSessionStatus(fixture.companyId).state).toBe('logged_out');
    expect(host.disconnections).toEqual([{ reason: 'requested', willReconnect: false }]);
    expect(host.manager.getActiveSessions()).toEqual([]);
    expect(host.manager.countByState()).toEqual({ logged_out: 1 });
    expect(host.manager.getLease(fixture.companyId)).toBeUndefined();
    await waitFor('the phone to forget the device', () => fixture.salon.linkedDevices.length === 0);
    await expect(host.credentials.companies()).resolves.toEqual([]);
    await host.link(fixture.companyId, fixture.salon);
  });

  it('on the phone is detected, and no login is attempted again', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    fixture.salon.removeDevice(1);
    await host.waitForState(fixture.companyId, 'logged_out');

    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({ detail: '401' });
    expect(host.disconnections).toEqual([{ reason: '401', willReconnect: false }]);
    await expect(host.credentials.companies()).resolves.toEqual([]);
    expect(fixture.countEvents('login refused')).toBe(0);
    await host.link(fixture.companyId, fixture.salon);
  });

  it('on the phone quarantines the encrypted credentials; a new link does not use them', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const quarantineSize = () => countQuarantined(fixture.directory);
    fixture.salon.removeDevice(1);
    await host.waitForState(fixture.companyId, 'logged_out');

    expect(quarantineSize()).toBeGreaterThan(100);
    const bytes = await host.readSessionFiles();
    for (const trace of [fixture.salon.number, 'noiseKey']) expect(bytes.includes(trace), trace).toBe(false);
    await fixture.stop(host);
    const restarted = fixture.host();
    await restarted.manager.initializeManager();
    expect(restarted.manager.getSessionStatus(fixture.companyId).state).toBe('idle');
    const registrations = fixture.countEvents('registration');
    await restarted.link(fixture.companyId, fixture.salon);
    expect(fixture.countEvents('registration')).toBe(registrations + 1);

    await restarted.manager.eraseQuarantined();
    expect(quarantineSize(), 'before the week is over').toBeGreaterThan(100);
    await restarted.credentials.eraseQuarantined(0);
    expect(quarantineSize()).toBe(0);
    expect(await restarted.credentials.companies()).toEqual([fixture.companyId]);
  });

  it('of a company that was never linked changes nothing', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    await host.manager.disconnectSession(fixture.companyId);
    expect(host.states).toEqual([]);
    expect(fixture.countEvents('connected')).toBe(0);
  });

  it('does not happen when the server stops', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    await fixture.stop(host);
    expect(host.states.at(-1)).toBe('stopped');
    expect(fixture.salon.linkedDevices).toEqual([1]);
    expect(fixture.leases.holder(fixture.companyId)).toBeUndefined();
  });
});

/** The number of quarantined credential rows. */
function countQuarantined(directory: string): number {
  using database = new DatabaseSync(join(directory, 'credentials.sqlite'), { readOnly: true });
  return Number(database.prepare('select count(*) as rows from quarantine').get()?.['rows']);
}

/** A keyring after the loss of the encryption key: the same id, another key. */
function wrongKeyring(): Keyring {
  return new Keyring([{ id: 'k1', key: randomBytes(32) }]);
}
