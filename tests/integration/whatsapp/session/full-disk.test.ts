import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { ServerProcess } from '../../../../dev-env/server-process.ts';
import type { SessionHost } from '../../../support/fixtures/session-host.ts';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { FullDisk } from '../../../support/faults/full-disk.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('a full disk under the credentials', () => {
  it('marks the session, is told once, and is over without a new QR code when there is room again', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    const host = await fixture.linkedHost();
    await arrives(fixture, host, 'пока есть место');
    const codes = host.qrCodes.length;
    const before = stored(fixture.directory);

    disk.fill();
    await waitFor('a write to fail', () => isRefused(host, fixture));
    await host.waitForState(fixture.companyId, 'reconnecting');
    await waitFor('the reason', () => detailOf(host, fixture) === 'store_unavailable');
    const logins = fixture.countEvents('login');
    await waitFor('more attempts', () => countLogLines(host, 'WhatsApp session open failed') >= 4);

    await host.manager.eraseQuarantined();
    expect(fixture.countEvents('login'), 'WhatsApp is left alone').toBe(logins);
    expect(countLogLines(host, 'WhatsApp credentials not saved')).toBe(1);
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(0);
    expect(await alerts(host)).toMatch(/whatsapp_alerts_total\{cause="credentials_not_saved"\} 1\n/);
    expect(stored(fixture.directory)).toBe(before);

    disk.free();
    await host.waitForState(fixture.companyId, 'connected');
    await arrives(fixture, host, 'снова есть место');
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(1);
    expect(host.qrCodes).toHaveLength(codes);
    expect(fixture.countEvents('registration')).toBe(1);
    expect(fixture.countEvents('undecryptable')).toBe(0);
  });

  it('at the start marks the session, which opens by itself when there is room', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    await fixture.stop(await fixture.linkedHost());
    const before = stored(fixture.directory);

    disk.fill();
    const host = fixture.host();
    await host.manager.initializeManager();
    await waitFor('the reason', () => detailOf(host, fixture) === 'store_unavailable');
    expect(stored(fixture.directory)).toBe(before);
    disk.free();

    await host.waitForState(fixture.companyId, 'connected');
    await arrives(fixture, host, 'снова есть место');
    expect(host.qrCodes).toEqual([]);
    expect(fixture.countEvents('registration')).toBe(1);
  });
});

describe('a disk under the credentials with room for little more than nothing', () => {
  it('lets no session log in, is told once, and is over without a new QR code when there is room again', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    await fixture.stop(await fixture.linkedHost());
    const logins = fixture.countEvents('login');

    disk.fill(15);
    const host = fixture.host();
    await host.manager.initializeManager();
    await waitFor('more attempts', () => countLogLines(host, 'WhatsApp session open failed') >= 4);
    await host.manager.eraseQuarantined();

    expect(detailOf(host, fixture)).toBe('store_unavailable');
    expect(fixture.countEvents('login'), 'WhatsApp is left alone').toBe(logins);
    expect(countLogLines(host, 'WhatsApp credentials not saved')).toBe(1);
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(0);
    disk.free();

    await host.waitForState(fixture.companyId, 'connected');
    await arrives(fixture, host, 'снова есть место');
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(1);
    expect(host.qrCodes).toEqual([]);
    expect(fixture.countEvents('registration')).toBe(1);
  });
});

describe('a read-only disk under the credentials', () => {
  it('at the start is an error that names the file, and the session is back without a QR code when it is writable', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    await fixture.stop(await fixture.linkedHost());

    disk.remount('ro');
    expect(() => fixture.host()).toThrow(/credentials\.sqlite cannot be opened for writing/);
    disk.remount('rw');

    await opensAgain(fixture);
  });

  it('keeps the server from starting, with the setting and the reason', async () => {
    using directory = new TemporaryDirectory();
    const sessions = join(directory.path, 'sessions');
    mkdirSync(sessions);
    using disk = new FullDisk(sessions);
    disk.remount('ro');
    await using server = new ServerProcess(directory.path, { SESSIONS_DIR: sessions });
    await expect(server.start()).rejects.toThrow(
      /exited with 78[^]*SESSIONS_DIR cannot be written to: .*EROFS/,
    );
  });
});

async function opensAgain(fixture: SessionFixture): Promise<void> {
  const host = fixture.host();
  await host.manager.initializeManager();
  await host.waitForState(fixture.companyId, 'connected');
  await arrives(fixture, host, 'снова здесь');
  expect(host.qrCodes).toEqual([]);
  expect(fixture.countEvents('registration')).toBe(1);
}

async function arrives(fixture: SessionFixture, host: SessionHost, text: string): Promise<void> {
  await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
  await fixture.client.waitForMessage((message) => message.text === text);
}

/** A message that is refused has not been sent: its keys were not saved. */
async function isRefused(host: SessionHost, fixture: SessionFixture): Promise<boolean> {
  try {
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'на полный диск');
    return false;
  } catch {
    return true;
  }
}

function detailOf(host: SessionHost, fixture: SessionFixture): string | undefined {
  return host.manager.getSessionStatus(fixture.companyId).detail;
}

function countLogLines(host: SessionHost, what: string): number {
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
