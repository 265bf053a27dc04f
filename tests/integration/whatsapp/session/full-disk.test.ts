import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { ServerProcess } from '../../../../dev-env/server-process.ts';
import { TemporaryDirectory } from '../../../../dev-env/temporary-directory.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { FullDisk } from '../../../support/faults/full-disk.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';
import type { SessionHost } from '../../../support/fixtures/whatsapp/session-host.ts';

describe('a full disk under the credentials', () => {
  it('marks the session, alerts once and recovers without a new QR code', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    const host = await fixture.linkedHost();
    await expectDelivered(fixture, host, 'пока есть место');
    const qrCodeCount = host.qrCodes.length;
    const before = dumpCredentials(fixture.directory);

    disk.fill();
    await waitFor('a write to fail', () => isSendRefused(host, fixture));
    await host.waitForState(fixture.companyId, 'reconnecting');
    await waitFor('the reason', () => stateDetail(host, fixture) === 'store_unavailable');
    const logins = fixture.countEvents('login');
    await waitFor('more attempts', () => countLogLines(host, 'WhatsApp session open failed') >= 4);

    await host.manager.eraseQuarantined();
    expect(fixture.countEvents('login'), 'no login is attempted').toBe(logins);
    expect(countLogLines(host, 'WhatsApp credentials not saved')).toBe(1);
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(0);
    expect(await alertMetric(host)).toMatch(/whatsapp_alerts_total\{cause="credentials_not_saved"\} 1\n/);
    expect(dumpCredentials(fixture.directory)).toBe(before);

    disk.free();
    await host.waitForState(fixture.companyId, 'connected');
    await expectDelivered(fixture, host, 'снова есть место');
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(1);
    expect(host.qrCodes).toHaveLength(qrCodeCount);
    expect(fixture.countEvents('registration')).toBe(1);
    expect(fixture.countEvents('undecryptable')).toBe(0);
  });

  it('marks the session at startup; it connects by itself once there is space', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    await fixture.stop(await fixture.linkedHost());
    const before = dumpCredentials(fixture.directory);

    disk.fill();
    const host = fixture.host();
    await host.manager.initializeManager();
    await waitFor('the reason', () => stateDetail(host, fixture) === 'store_unavailable');
    expect(dumpCredentials(fixture.directory)).toBe(before);
    disk.free();

    await host.waitForState(fixture.companyId, 'connected');
    await expectDelivered(fixture, host, 'снова есть место');
    expect(host.qrCodes).toEqual([]);
    expect(fixture.countEvents('registration')).toBe(1);
  });
});

describe('a nearly full disk under the credentials', () => {
  it('prevents logins, alerts once and recovers without a new QR code', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    await fixture.stop(await fixture.linkedHost());
    const logins = fixture.countEvents('login');

    disk.fill(15);
    const host = fixture.host();
    await host.manager.initializeManager();
    await waitFor('more attempts', () => countLogLines(host, 'WhatsApp session open failed') >= 4);
    await host.manager.eraseQuarantined();

    expect(stateDetail(host, fixture)).toBe('store_unavailable');
    expect(fixture.countEvents('login'), 'no login is attempted').toBe(logins);
    expect(countLogLines(host, 'WhatsApp credentials not saved')).toBe(1);
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(0);
    disk.free();

    await host.waitForState(fixture.companyId, 'connected');
    await expectDelivered(fixture, host, 'снова есть место');
    expect(countLogLines(host, 'WhatsApp credential storage recovered')).toBe(1);
    expect(host.qrCodes).toEqual([]);
    expect(fixture.countEvents('registration')).toBe(1);
  });
});

describe('a read-only disk under the credentials', () => {
  it('throws an error that names the file; the session recovers once it is writable', async () => {
    await using fixture = await SessionFixture.start();
    using disk = new FullDisk(fixture.directory);
    await fixture.stop(await fixture.linkedHost());

    disk.remount('ro');
    expect(() => fixture.host()).toThrow(/credentials\.sqlite is not writable: EROFS/);
    disk.remount('rw');

    await expectReconnected(fixture);
  });

  it('prevents the server start with an error that names the setting and the reason', async () => {
    using directory = new TemporaryDirectory();
    const sessions = join(directory.path, 'sessions');
    mkdirSync(sessions);
    using disk = new FullDisk(sessions);
    disk.remount('ro');
    await using server = new ServerProcess(directory.path, { SESSIONS_DIR: sessions });
    await expect(server.start()).rejects.toThrow(/exited with 78[^]*SESSIONS_DIR is not writable: .*EROFS/);
  });
});

async function expectReconnected(fixture: SessionFixture): Promise<void> {
  const host = fixture.host();
  await host.manager.initializeManager();
  await host.waitForState(fixture.companyId, 'connected');
  await expectDelivered(fixture, host, 'снова здесь');
  expect(host.qrCodes).toEqual([]);
  expect(fixture.countEvents('registration')).toBe(1);
}

async function expectDelivered(fixture: SessionFixture, host: SessionHost, text: string): Promise<void> {
  await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
  await fixture.client.waitForMessage((message) => message.text === text);
}

/** A message whose keys could not be saved is not sent. */
async function isSendRefused(host: SessionHost, fixture: SessionFixture): Promise<boolean> {
  try {
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'на полный диск');
    return false;
  } catch {
    return true;
  }
}

function stateDetail(host: SessionHost, fixture: SessionFixture): string | undefined {
  return host.manager.getSessionStatus(fixture.companyId).detail;
}

function countLogLines(host: SessionHost, message: string): number {
  return host.log.lines.filter((line) => line.includes(message)).length;
}

async function alertMetric(host: SessionHost): Promise<string> {
  return await host.metrics.registry
    .getSingleMetricAsString('marketplace_whatsapp_alerts_total')
    .then((text) => `${text}\n`);
}

/** All stored credentials as one text. Throws if the file is corrupted. */
function dumpCredentials(directory: string): string {
  using database = new DatabaseSync(join(directory, 'credentials.sqlite'), { readOnly: true });
  expect(database.prepare('pragma integrity_check').all()).toEqual([{ integrity_check: 'ok' }]);
  return JSON.stringify(
    database
      .prepare('select company_id, type, id, hex(value) as value from credentials order by 1, 2, 3')
      .all(),
  );
}
