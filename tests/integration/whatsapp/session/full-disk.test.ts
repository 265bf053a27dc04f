import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { ServerProcess } from '../../../../dev-env/server-process.ts';
import type { SessionHost } from '../../../support/fixtures/session-host.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { SmallDisk } from '../../../support/faults/full-disk.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('a full disk under the credentials', () => {
  it('marks the session, is told once, and is over without a new QR code when there is room again', async () => {
    await using world = await SessionWorld.start();
    using disk = new SmallDisk(world.directory);
    const host = await world.linkedHost();
    await arrives(world, host, 'пока есть место');
    const codes = host.qrCodes.length;
    const before = stored(world.directory);

    disk.fill();
    await waitFor('a write to fail', () => isRefused(host, world));
    await host.reaches(world.company, 'reconnecting');
    await waitFor('the reason', () => detailOf(host, world) === 'store_unavailable');
    const logins = world.happened('login');
    await waitFor('more attempts', () => told(host, 'The WhatsApp session could not be opened') >= 4);

    await host.manager.eraseQuarantined();
    expect(world.happened('login'), 'WhatsApp is left alone').toBe(logins);
    expect(told(host, 'WhatsApp credentials cannot be saved')).toBe(1);
    expect(told(host, 'WhatsApp credentials can be saved again')).toBe(0);
    expect(await alerts(host)).toMatch(/whatsapp_alerts_total\{cause="credentials_not_saved"\} 1\n/);
    expect(stored(world.directory)).toBe(before);

    disk.free();
    await host.reaches(world.company, 'connected');
    await arrives(world, host, 'снова есть место');
    expect(told(host, 'WhatsApp credentials can be saved again')).toBe(1);
    expect(host.qrCodes).toHaveLength(codes);
    expect(world.happened('registration')).toBe(1);
    expect(world.happened('undecryptable')).toBe(0);
  });

  it('at the start marks the session, which opens by itself when there is room', async () => {
    await using world = await SessionWorld.start();
    using disk = new SmallDisk(world.directory);
    await world.stop(await world.linkedHost());
    const before = stored(world.directory);

    disk.fill();
    const host = world.host();
    await host.manager.initializeManager();
    await waitFor('the reason', () => detailOf(host, world) === 'store_unavailable');
    expect(stored(world.directory)).toBe(before);
    disk.free();

    await host.reaches(world.company, 'connected');
    await arrives(world, host, 'снова есть место');
    expect(host.qrCodes).toEqual([]);
    expect(world.happened('registration')).toBe(1);
  });
});

describe('a disk under the credentials with room for little more than nothing', () => {
  it('lets no session log in, is told once, and is over without a new QR code when there is room again', async () => {
    await using world = await SessionWorld.start();
    using disk = new SmallDisk(world.directory);
    await world.stop(await world.linkedHost());
    const logins = world.happened('login');

    disk.fill(15);
    const host = world.host();
    await host.manager.initializeManager();
    await waitFor('more attempts', () => told(host, 'The WhatsApp session could not be opened') >= 4);
    await host.manager.eraseQuarantined();

    expect(detailOf(host, world)).toBe('store_unavailable');
    expect(world.happened('login'), 'WhatsApp is left alone').toBe(logins);
    expect(told(host, 'WhatsApp credentials cannot be saved')).toBe(1);
    expect(told(host, 'WhatsApp credentials can be saved again')).toBe(0);
    disk.free();

    await host.reaches(world.company, 'connected');
    await arrives(world, host, 'снова есть место');
    expect(told(host, 'WhatsApp credentials can be saved again')).toBe(1);
    expect(host.qrCodes).toEqual([]);
    expect(world.happened('registration')).toBe(1);
  });
});

describe('a read-only disk under the credentials', () => {
  it('at the start is an error that names the file, and the session is back without a QR code when it is writable', async () => {
    await using world = await SessionWorld.start();
    using disk = new SmallDisk(world.directory);
    await world.stop(await world.linkedHost());

    disk.remount('ro');
    expect(() => world.host()).toThrow(/credentials\.sqlite cannot be opened for writing/);
    disk.remount('rw');

    await opensAgain(world);
  });

  it('keeps the server from starting, with the setting and the reason', async () => {
    using directory = new TemporaryDirectory();
    const sessions = join(directory.path, 'sessions');
    mkdirSync(sessions);
    using disk = new SmallDisk(sessions);
    disk.remount('ro');
    await using server = new ServerProcess(directory.path, { SESSIONS_DIR: sessions });
    await expect(server.start()).rejects.toThrow(
      /exited with 78[^]*SESSIONS_DIR cannot be written to: .*EROFS/,
    );
  });
});

async function opensAgain(world: SessionWorld): Promise<void> {
  const host = world.host();
  await host.manager.initializeManager();
  await host.reaches(world.company, 'connected');
  await arrives(world, host, 'снова здесь');
  expect(host.qrCodes).toEqual([]);
  expect(world.happened('registration')).toBe(1);
}

async function arrives(world: SessionWorld, host: SessionHost, text: string): Promise<void> {
  await host.manager.sendMessage(world.company, world.client.number, text);
  await world.client.waitForMessage((message) => message.text === text);
}

/** A message that is refused has not been sent: its keys were not saved. */
async function isRefused(host: SessionHost, world: SessionWorld): Promise<boolean> {
  try {
    await host.manager.sendMessage(world.company, world.client.number, 'на полный диск');
    return false;
  } catch {
    return true;
  }
}

function detailOf(host: SessionHost, world: SessionWorld): string | undefined {
  return host.manager.getSessionStatus(world.company).detail;
}

function told(host: SessionHost, what: string): number {
  return host.log.lines.filter((line) => line.includes(what)).length;
}

async function alerts(host: SessionHost): Promise<string> {
  return await host.metrics.registry
    .getSingleMetricAsString('marketplace_whatsapp_alerts_total')
    .then((t) => `${t}\n`);
}

/** Everything that is stored for sessions, as one text; throws when the file is damaged. */
function stored(directory: string): string {
  using database = new DatabaseSync(join(directory, 'credentials.sqlite'), { readOnly: true });
  expect(database.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
  return JSON.stringify(
    database
      .prepare('select company_id, type, id, hex(value) as value from credentials order by 1, 2, 3')
      .all(),
  );
}
