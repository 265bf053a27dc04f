import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type {
  ClientVersionStore,
  ClientVersionNumber,
} from '../../../../src/whatsapp/connection/client-version.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

const newer = [2, 3000, 2_000_000_000] as const;

function inMemoryStore(): ClientVersionStore & { stored: ClientVersionNumber | undefined } {
  return {
    stored: undefined,
    read() {
      return Promise.resolve(this.stored);
    },
    save(version) {
      this.stored = version;
      return Promise.resolve();
    },
  };
}

/** The client versions of all logins, as the simulator received them. */
function announcedVersions(fixture: SessionFixture): string[] {
  return fixture.whatsapp.log.flatMap((event) => (event.type === 'login' ? [event.clientVersion] : []));
}

describe('a refused client version', () => {
  it('keeps the credentials and is replaced by a fetched one, also after a restart', async () => {
    await using fixture = await SessionFixture.start();
    const versionStore = inMemoryStore();
    const host = await fixture.linkedHost({
      versionStore,
      fetchLatestVersion: async () => newer,
    });
    fixture.whatsapp.refuseLogins(405);
    fixture.salon.drop();
    await waitFor('the newer version', () => versionStore.stored);
    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({
      state: 'reconnecting',
      detail: '405',
    });
    await expect(host.credentials.companies()).resolves.toEqual([fixture.companyId]);
    const alerts = host.log.lines.filter((line) => line.includes('WhatsApp client version rejected'));
    expect(alerts).toHaveLength(1);
    await fixture.stop(host);

    fixture.whatsapp.refuseLogins(undefined);
    const restarted = fixture.host({ versionStore });
    await restarted.manager.initializeManager();
    await restarted.waitForState(fixture.companyId, 'connected');
    expect(announcedVersions(fixture).at(-1)).toBe(newer.join('.'));
    const metrics = await restarted.metrics.registry.metrics();
    expect(metrics).toContain(`marketplace_whatsapp_sockets_total{version="${newer.join(',')}"} 1`);
  });

  it('is never replaced if it is configured', async () => {
    await using fixture = await SessionFixture.start();
    const version = [2, 3000, 1_040_000_000] as const;
    const versionStore = { ...inMemoryStore(), stored: newer };
    const host = await fixture.linkedHost({
      version,
      versionStore,
      fetchLatestVersion: async () => newer,
    });
    fixture.whatsapp.refuseLogins(405);
    fixture.salon.drop();
    await waitFor('the alert', () => host.log.lines.find((line) => line.includes('WHATSAPP_VERSION')));
    await fixture.stop(host);

    fixture.whatsapp.refuseLogins(undefined);
    const restarted = fixture.host({ version, versionStore });
    await restarted.manager.initializeManager();
    await restarted.waitForState(fixture.companyId, 'connected');
    expect(new Set(announcedVersions(fixture))).toEqual(new Set([version.join('.')]));
  });
});
