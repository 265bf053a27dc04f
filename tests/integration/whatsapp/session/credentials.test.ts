import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { SecretBox } from '../../../../src/crypto/keyring.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('after a restart', () => {
  it('a linked session opens again within seconds, with no QR code, and sends', async () => {
    await using world = await SessionWorld.start();
    await world.stop(await world.linkedHost());
    const host = world.host();
    const startedAtMs = performance.now();
    await host.manager.initializeManager();
    expect(host.manager.getSessionStatus(world.company).state).toBe('connecting');
    await host.reaches(world.company, 'connected', 5_000);

    expect(performance.now() - startedAtMs).toBeLessThan(5_000);
    expect(host.qrCodes).toEqual([]);
    expect(host.connections).toEqual([{ phone: '+79031112233', firstTime: false }]);
    await host.manager.sendMessage(world.company, world.client.number, 'снова здесь');
    await world.client.waitForMessage(({ text }) => text === 'снова здесь');
  });

  it('a killed instance gets its sessions back at once under its own name', async () => {
    await using world = await SessionWorld.start();
    // Not stopped: its lease still runs, as after a kill.
    await world.linkedHost();
    const host = world.host();
    await host.manager.initializeManager();
    await host.reaches(world.company, 'connected', 5_000);
    expect(host.qrCodes).toEqual([]);
  });

  it('a pairing that was begun by code and never finished does not log in', async () => {
    await using world = await SessionWorld.start();
    const before = world.host();
    await before.manager.requestPairingCode(world.company, world.salon.number);
    await world.stop(before);
    const host = world.host();
    await host.manager.initializeManager();
    await host.reaches(world.company, 'idle');
    expect(world.happened('login refused')).toBe(0);
    await expect(host.rows.companies()).resolves.toEqual([]);
    await host.link(world.company, world.salon);
  });
});

describe('credentials on disk', () => {
  it('hold no number, key or text in the clear, and belong to their owner alone', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    await host.manager.sendMessage(world.company, world.client.number, 'Секретная стрижка');
    await world.client.waitForMessage(({ text }) => text === 'Секретная стрижка');

    const bytes = await host.filesOnDisk();
    expect(bytes.length).toBeGreaterThan(100_000);
    const traces = [world.salon.number, world.client.number, world.salon.lid, world.client.lid];
    for (const trace of [...traces, 's.whatsapp.net', 'Секретная', 'noiseKey', '"private"', 'advSecretKey']) {
      expect(bytes.includes(trace), trace).toBe(false);
    }
    const { mode } = await stat(join(world.directory, 'credentials.sqlite'));
    expect(mode & 0o777).toBe(0o600);
  });

  it('that cannot be read stop the session, are kept, and open again once the key is back', async () => {
    await using world = await SessionWorld.start();
    await world.stop(await world.linkedHost());
    for (let starts = 0; starts < 2; starts += 1) {
      const withoutKey = world.host({ box: otherBox() });
      await withoutKey.manager.initializeManager();
      await withoutKey.reaches(world.company, 'stopped');
      expect(withoutKey.manager.getSessionStatus(world.company).detail).toBe('credentials_unreadable');
      await world.stop(withoutKey);
    }
    expect(world.happened('registration')).toBe(1);

    const host = world.host();
    await host.manager.initializeManager();
    await host.reaches(world.company, 'connected');
  });

  it('that cannot be read are replaced by a new link when the owner asks for one', async () => {
    await using world = await SessionWorld.start();
    await world.stop(await world.linkedHost());
    const box = otherBox();
    const host = world.host({ box });
    await host.manager.initializeManager();
    await host.reaches(world.company, 'stopped');
    await host.link(world.company, world.salon);
    await host.manager.sendMessage(world.company, world.client.number, 'с новым ключом');
    await world.client.waitForMessage(({ text }) => text === 'с новым ключом');

    await world.stop(host);
    const restarted = world.host({ box });
    await restarted.manager.initializeManager();
    await restarted.reaches(world.company, 'connected');
    expect(restarted.qrCodes).toEqual([]);
  });
});

describe('the end of a link', () => {
  it('asked for by us removes the device from the phone and erases the credentials, as often as it is asked for', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    await host.manager.disconnectSession(world.company);
    await host.manager.disconnectSession(world.company);

    expect(host.manager.getSessionStatus(world.company).state).toBe('logged_out');
    expect(host.disconnections).toEqual([{ reason: 'requested', willReconnect: false }]);
    expect(host.manager.getActiveSessions()).toEqual([]);
    expect(host.manager.countByState()).toEqual({ logged_out: 1 });
    expect(host.manager.leaseOf(world.company)).toBeUndefined();
    await waitFor('the phone to forget the device', () => world.salon.linkedDevices.length === 0);
    await expect(host.rows.companies()).resolves.toEqual([]);
    await host.link(world.company, world.salon);
  });

  it('by the owner on the phone is noticed, and nothing tries to log in any more', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    world.salon.removeDevice(1);
    await host.reaches(world.company, 'logged_out');

    expect(host.manager.getSessionStatus(world.company)).toMatchObject({ detail: '401' });
    expect(host.disconnections).toEqual([{ reason: '401', willReconnect: false }]);
    await expect(host.rows.companies()).resolves.toEqual([]);
    expect(world.happened('login refused')).toBe(0);
    await host.link(world.company, world.salon);
  });

  it('by the owner sets the credentials aside, sealed, and a new link starts without them', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const setAside = () => quarantined(world.directory);
    world.salon.removeDevice(1);
    await host.reaches(world.company, 'logged_out');

    expect(setAside()).toBeGreaterThan(100);
    const bytes = await host.filesOnDisk();
    for (const trace of [world.salon.number, 'noiseKey']) expect(bytes.includes(trace), trace).toBe(false);
    await world.stop(host);
    const restarted = world.host();
    await restarted.manager.initializeManager();
    expect(restarted.manager.getSessionStatus(world.company).state).toBe('idle');
    const before = world.happened('registration');
    await restarted.link(world.company, world.salon);
    expect(world.happened('registration')).toBe(before + 1);

    await restarted.manager.eraseQuarantined();
    expect(setAside(), 'before the week is over').toBeGreaterThan(100);
    await restarted.rows.eraseQuarantined(0);
    expect(setAside()).toBe(0);
    expect(await restarted.rows.companies()).toEqual([world.company]);
  });

  it('of a company that was never linked changes nothing', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    await host.manager.disconnectSession(world.company);
    expect(host.states).toEqual([]);
    expect(world.happened('connected')).toBe(0);
  });

  it('is not what stopping the server is', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    await world.stop(host);
    expect(host.states.at(-1)).toBe('stopped');
    expect(world.salon.linkedDevices).toEqual([1]);
    expect(world.leases.holderOf(world.company)).toBeUndefined();
  });
});

/** How many credentials are set aside. */
function quarantined(directory: string): number {
  using database = new DatabaseSync(join(directory, 'credentials.sqlite'), { readOnly: true });
  return Number(database.prepare('select count(*) as rows from quarantine').get()?.['rows']);
}

/** As after the encryption keys were lost. */
function otherBox(): SecretBox {
  return new SecretBox([{ id: 'k1', key: randomBytes(32) }]);
}
