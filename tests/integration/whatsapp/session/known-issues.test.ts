import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

/** What owners of other gateways complain of, where no suite of its own shows that it does not happen here. */
describe('complaints that owners of WhatsApp gateways have', () => {
  it('"after the scan 515, then 401, scan again": a slow disk holds the restart back until the credentials are on it', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    const write = host.rows.write.bind(host.rows);
    vi.spyOn(host.rows, 'write').mockImplementation(async (lease, changes) => {
      await delay(600);
      await write(lease, changes);
    });
    const { text } = await host.manager.generateQRForCompany(world.company);
    await world.salon.scan(text);
    await waitFor('the first login', () => world.happened('login') === 1, 20_000);
    await host.reaches(world.company, 'connected', 30_000);
    expect(world.happened('login refused')).toBe(0);
    expect(world.happened('registration')).toBe(1);
    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
  }, 60_000);

  it('"send hangs right after link": the first message goes while the history still comes in', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const askedAtMs = performance.now();
    await host.manager.sendMessage(world.company, world.client.number, 'сразу после привязки');
    await world.client.waitForMessage(({ text }) => text === 'сразу после привязки');
    expect(performance.now() - askedAtMs).toBeLessThan(5_000);
  });

  it('"account stuck after the code, no error": a passkey asked for after a pairing code is told, with either of its words', async () => {
    for (const step of ['passkey_prologue_request', 'crsc_continuation'] as const) {
      await using world = await SessionWorld.start();
      world.whatsapp.requirePasskey(world.salon, true, step);
      const host = world.host({ timings: { passkeyWaitMs: 300 } });
      const { code } = await host.manager.requestPairingCode(world.company, world.salon.number);
      await expect(world.salon.enterPairingCode(code)).rejects.toThrow('passkey');
      await host.reaches(world.company, 'passkey_required');
      await waitFor('nothing to be left', async () => (await host.rows.companies()).length === 0);
      expect(world.happened('login')).toBe(0);
    }
  });

  it('"401 device_removed again and again": however often a session is asked for, one socket logs in', async () => {
    await using world = await SessionWorld.start();
    await world.stop(await world.linkedHost());
    const before = world.happened('login');
    const host = world.host();
    await Promise.all([host.manager.initializeManager(), host.manager.initializeManager()]);
    const asked = await Promise.allSettled(
      Array.from({ length: 5 }, () => host.manager.createNewSession(world.company)),
    );
    await host.reaches(world.company, 'connected');
    expect(asked.every(({ status }) => status === 'rejected')).toBe(true);
    expect(world.happened('login') - before).toBe(1);
    expect(world.happened('replaced')).toBe(0);
    expect(world.salon.linkedDevices).toHaveLength(1);
  });

  it('"stuck connecting, the instance must be deleted": an attempt that WhatsApp never answers ends, and the next one links', async () => {
    await using world = await SessionWorld.start();
    const host = world.host({ timings: { answerTimeoutMs: 1_000, firstQrTimeoutMs: 1_500 } });
    world.whatsapp.refuseUpgrades(500);
    await expect(host.manager.generateQRForCompany(world.company)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    await host.reaches(world.company, 'idle', 20_000);
    expect(world.leases.holderOf(world.company)).toBeUndefined();
    world.whatsapp.refuseUpgrades(undefined);
    await host.link(world.company, world.salon);
  }, 60_000);

  it('"half-made credentials log in": a socket lost after a code was given registers anew, and the next code links', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    await host.manager.requestPairingCode(world.company, world.salon.number);
    world.whatsapp.endAll(503);
    await waitFor('a new registration', () => world.happened('registration') === 2);
    const { code } = await host.manager.requestPairingCode(world.company, world.salon.number);
    await world.salon.enterPairingCode(code);
    await host.reaches(world.company, 'connected');
    expect(world.happened('login refused')).toBe(0);
  });
});
