import { describe, expect, it } from 'vitest';
import type {
  ClientVersionMemory,
  ClientVersionNumber,
} from '../../../../src/whatsapp/connection/client-version.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

const newer = [2, 3000, 2_000_000_000] as const;

function memory(): ClientVersionMemory & { kept: ClientVersionNumber | undefined } {
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
function announced(world: SessionWorld): string[] {
  return world.whatsapp.log.flatMap((event) => (event.type === 'login' ? [event.clientVersion] : []));
}

describe('a refused client version', () => {
  it('keeps the credentials, is looked up anew, and the new one is announced, also after a restart', async () => {
    await using world = await SessionWorld.start();
    const versionMemory = memory();
    const host = await world.linkedHost({ versionMemory, latestVersion: async () => newer });
    world.whatsapp.refuseLogins(405);
    world.salon.drop();
    await waitFor('the newer version', () => versionMemory.kept);
    expect(host.manager.getSessionStatus(world.company)).toMatchObject({
      state: 'reconnecting',
      detail: '405',
    });
    await expect(host.rows.companies()).resolves.toEqual([world.company]);
    const alerts = host.log.lines.filter((line) => line.includes('WhatsApp refuses the client version'));
    expect(alerts).toHaveLength(1);
    await world.stop(host);

    world.whatsapp.refuseLogins(undefined);
    const restarted = world.host({ versionMemory });
    await restarted.manager.initializeManager();
    await restarted.reaches(world.company, 'connected');
    expect(announced(world).at(-1)).toBe(newer.join('.'));
    const metrics = await restarted.metrics.registry.metrics();
    expect(metrics).toContain(`marketplace_whatsapp_sockets_total{version="${newer.join(',')}"} 1`);
  });

  it('that is configured is never replaced', async () => {
    await using world = await SessionWorld.start();
    const version = [2, 3000, 1_040_000_000] as const;
    const versionMemory = { ...memory(), kept: newer };
    const host = await world.linkedHost({ version, versionMemory, latestVersion: async () => newer });
    world.whatsapp.refuseLogins(405);
    world.salon.drop();
    await waitFor('the alert', () => host.log.lines.find((line) => line.includes('WHATSAPP_VERSION')));
    await world.stop(host);

    world.whatsapp.refuseLogins(undefined);
    const restarted = world.host({ version, versionMemory });
    await restarted.manager.initializeManager();
    await restarted.reaches(world.company, 'connected');
    expect(new Set(announced(world))).toEqual(new Set([version.join('.')]));
  });
});
