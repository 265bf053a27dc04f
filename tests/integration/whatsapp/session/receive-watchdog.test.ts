import { describe, expect, it } from 'vitest';
import type { ReceivedText } from '../../../../src/ports/ports.ts';
import type { SessionHost } from '../../../support/fixtures/session-host.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { noon, WatchedSession } from '../../../support/fixtures/watchdog-fixture.ts';

const night = new Date('2026-03-10T00:00:00Z');
const noSilence = { silenceMs: 3_600_000 };

function textsOf(host: SessionHost): string[] {
  const texts: string[] = [];
  host.manager.on('received', (_companyId, { text }: ReceivedText) => texts.push(text));
  return texts;
}

describe('a deaf session, connected and without a message for hours,', () => {
  it('gets a new socket, and what was withheld arrives', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    using watched = new WatchedSession(host);
    const texts = textsOf(host);
    await host.link(world.company, world.salon);
    const logins = world.happened('login');
    world.whatsapp.deafen(world.salon, 'next login');
    await world.client.sendText(world.salon.number, 'Приду');
    await waitFor('the message', () => texts.includes('Приду'), 15_000);
    await waitFor('the recovery', async () => (await watched.did('recovered')) === 1);
    // The salon's clock stands still here.
    expect(watched.watch.lastInboundAt(world.company)?.getTime()).toBeCloseTo(noon.getTime(), -4);

    expect(world.happened('login')).toBe(logins + 1);
    expect(host.disconnections).toEqual([{ reason: 'deaf', willReconnect: true }]);
    expect(host.manager.getSessionStatus(world.company).state).toBe('connected');
    expect([await watched.did('renew'), await watched.did('alert')]).toEqual([1, 0]);
    const { messageId } = await host.manager.sendMessage(world.company, world.client.number, 'Ждём вас');
    await host.hears(messageId, 'delivered');
  });

  it('that no new socket cures gets one all the same, one alert, and is heard of again when it hears', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    using watched = new WatchedSession(host);
    const texts = textsOf(host);
    await host.link(world.company, world.salon);
    const logins = world.happened('login');
    world.whatsapp.deafen(world.salon);
    await waitFor('the alert', async () => (await watched.did('alert')) === 1, 15_000);
    const { sweeps } = watched;
    // Longer than another episode would take.
    await waitFor('more sweeps', () => watched.sweeps >= sweeps + 100, 20_000);

    expect(world.happened('login')).toBe(logins + 1);
    expect([await watched.did('renew'), await watched.did('alert'), await watched.did('probe')]).toEqual([
      1, 1, 2,
    ]);
    expect(host.log.lines.filter((line) => line.includes('hears nothing, also over'))).toHaveLength(1);
    expect(watched.watch.deafSessions).toBe(1);
    const told = { companyId: world.company, cause: 'watchdog' };
    expect(watched.events).toEqual([{ ...told, type: 'whatsapp_deaf' }]);

    world.whatsapp.undeafen(world.salon);
    await world.client.sendText(world.salon.number, 'Вы тут?');
    await waitFor('the message', () => texts.includes('Вы тут?'));
    await waitFor('the recovery', () => watched.watch.deafSessions === 0);
    expect(watched.events.at(-1)).toEqual({ ...told, type: 'whatsapp_hears_again' });
  }, 60_000);

  it('is found within a minute when its messages are not even acknowledged', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    using watched = new WatchedSession(host, { timings: noSilence });
    await host.link(world.company, world.salon);
    await waitFor('the test message', () => world.happened('acknowledged') > 0);
    world.whatsapp.withholdAcks(true, world.salon);
    world.whatsapp.deafen(world.salon, 'next login');
    for (const text of ['Раз', 'Два', 'Три'])
      await host.manager.sendMessage(world.company, world.client.number, text);
    await waitFor('the new socket', async () => (await watched.did('renew')) === 1, 15_000);
    await waitFor('the receipts', async () => (await watched.did('recovered')) === 1, 15_000);
    expect(await watched.did('alert')).toBe(0);
  });

  it('is told from one whose acknowledgements are late: that keeps its socket, its phone being off', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    using watched = new WatchedSession(host, { timings: { ...noSilence, probeTimeoutMs: 10_000 } });
    await host.link(world.company, world.salon);
    await waitFor('the test message', () => world.happened('acknowledged') > 0);
    const logins = world.happened('login');
    world.salon.goOffline();
    world.client.goOffline();
    world.whatsapp.delayAcks(4_000, world.salon);
    for (const text of ['Раз', 'Два', 'Три'])
      await host.manager.sendMessage(world.company, world.client.number, text);
    await waitFor('the probe', async () => (await watched.did('probe')) === 1, 15_000);
    await waitFor('the answer', async () => (await watched.did('answered')) === 1, 15_000);
    expect(await watched.did('renew')).toBe(0);
    expect(world.happened('login')).toBe(logins);
  }, 40_000);

  it('is left alone at night', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    using watched = new WatchedSession(host, { now: night, timings: { silenceMs: 100 } });
    await host.link(world.company, world.salon);
    const logins = world.happened('login');
    world.whatsapp.deafen(world.salon);
    await world.client.sendText(world.salon.number, 'Не спите?');
    const { sweeps } = watched;
    await waitFor('more sweeps', () => watched.sweeps >= sweeps + 60, 10_000);
    expect([await watched.did('probe'), await watched.did('renew')]).toEqual([0, 0]);
    expect(world.happened('login')).toBe(logins);
  });
});

describe('a quiet session that hears', () => {
  it('is never reconnected by its watchdog, and its owner sees nothing of the probes', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    using watched = new WatchedSession(host, { timings: { probeTimeoutMs: 15_000 } });
    await host.link(world.company, world.salon);
    await waitFor('the test message', () => world.salon.sentFromCompanions.length > 0);
    const logins = world.happened('login');
    const seen = [world.salon.sentFromCompanions.length, world.salon.inbox.length];
    await waitFor('three answers', async () => (await watched.did('answered')) >= 3, 20_000);

    expect([await watched.did('renew'), await watched.did('alert')]).toEqual([0, 0]);
    expect(world.happened('login')).toBe(logins);
    expect(host.disconnections).toEqual([]);
    expect([world.salon.sentFromCompanions.length, world.salon.inbox.length]).toEqual(seen);
  }, 30_000);

  it('cannot be told from a deaf one while the phone is switched off: one new socket, one alert', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    using watched = new WatchedSession(host);
    await host.link(world.company, world.salon);
    const logins = world.happened('login');
    world.salon.goOffline();
    await waitFor('the alert', async () => (await watched.did('alert')) === 1, 15_000);
    expect(world.happened('login')).toBe(logins + 1);
    world.salon.goOnline();
    await waitFor('the phone to answer', async () => (await watched.did('recovered')) === 1);
  });
});

describe('a half-open connection', () => {
  it('is given up as soon as the keepalive has noticed, not when its closing times out', async () => {
    await using world = await SessionWorld.start();
    const host = world.host({ timings: { keepAliveIntervalMs: 500 } });
    using watched = new WatchedSession(host, { timings: noSilence });
    const texts = textsOf(host);
    await host.link(world.company, world.salon);
    await waitFor('a sweep', () => watched.sweeps > 0);
    const halfOpenAtMs = performance.now();
    world.whatsapp.halfOpen(world.salon);
    await world.client.sendText(world.salon.number, 'Алло?');
    await waitFor('the message', () => texts.includes('Алло?'), 25_000);
    expect(host.disconnections).toEqual([{ reason: '408', willReconnect: true }]);
    // Baileys alone needs half a minute more.
    expect(performance.now() - halfOpenAtMs).toBeLessThan(25_000);
  }, 40_000);
});
