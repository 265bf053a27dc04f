import { describe, expect, it } from 'vitest';
import type {
  ClientVersionStore,
  ClientVersionNumber,
} from '../../../../src/whatsapp/connection/client-version.ts';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const newer = [2, 3000, 2_000_000_000] as const;

function memory(): ClientVersionStore & { kept: ClientVersionNumber | undefined } {
  return {
    kept: undefined,
    read() {
      return Promise.resolve(this.kept);
    },
    save(version) {
      this.kept = version;
      return Promise.resolve();
    },
  };
}

/** What the sessions announced when they logged in, as WhatsApp saw it. */
function announced(fixture: SessionFixture): string[] {
  return fixture.whatsapp.log.flatMap((event) => (event.type === 'login' ? [event.clientVersion] : []));
}

describe('a refused client version', () => {
  it('keeps the credentials, is looked up anew, and the new one is announced, also after a restart', async () => {
    await using fixture = await SessionFixture.start();
    const versionMemory = memory();
    const host = await fixture.linkedHost({
      versionStore: versionMemory,
      fetchLatestVersion: async () => newer,
    });
    fixture.whatsapp.refuseLogins(405);
    fixture.salon.drop();
    await waitFor('the newer version', () => versionMemory.kept);
    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({
      state: 'reconnecting',
      detail: '405',
    });
    await expect(host.credentials.companies()).resolves.toEqual([fixture.companyId]);
    const alerts = host.log.lines.filter((line) => line.includes('WhatsApp client version rejected'));
    expect(alerts).toHaveLength(1);
    await fixture.stop(host);

    fixture.whatsapp.refuseLogins(undefined);
    const restarted = fixture.host({ versionStore: versionMemory });
    await restarted.manager.initializeManager();
    await restarted.waitForState(fixture.companyId, 'connected');
    expect(announced(fixture).at(-1)).toBe(newer.join('.'));
    const metrics = await restarted.metrics.registry.metrics();
    expect(metrics).toContain(`marketplace_whatsapp_sockets_total{version="${newer.join(',')}"} 1`);
  });

  it('that is configured is never replaced', async () => {
    await using fixture = await SessionFixture.start();
    const version = [2, 3000, 1_040_000_000] as const;
    const versionMemory = { ...memory(), kept: newer };
    const host = await fixture.linkedHost({
      version,
      versionStore: versionMemory,
      fetchLatestVersion: async () => newer,
    });
    fixture.whatsapp.refuseLogins(405);
    fixture.salon.drop();
    await waitFor('the alert', () => host.log.lines.find((line) => line.includes('WHATSAPP_VERSION')));
    await fixture.stop(host);

    fixture.whatsapp.refuseLogins(undefined);
    const restarted = fixture.host({ version, versionStore: versionMemory });
    await restarted.manager.initializeManager();
    await restarted.waitForState(fixture.companyId, 'connected');
    expect(new Set(announced(fixture))).toEqual(new Set([version.join('.')]));
  });
});
