import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { every } from '../../../../src/lib/async/every.ts';
import type { SessionHost } from '../../../support/fixtures/session-host.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WatchedSession } from '../../../support/fixtures/watchdog-fixture.ts';

const lineTimings = { lateAckMs: 300, pingTimeoutMs: 300 };

async function linked(world: SessionWorld) {
  const host = world.host();
  const watched = new WatchedSession(host, { timings: { ...lineTimings, silenceMs: 3_600_000 } });
  const sweeps = every(50, () => watched.watch.sweepLines());
  await host.link(world.company, world.salon);
  const { messageId } = await host.manager.sendMessage(world.company, world.client.number, 'Первое');
  await host.hears(messageId, 'delivered');
  const stop = (): void => {
    sweeps[Symbol.dispose]();
    watched[Symbol.dispose]();
  };
  return { host, [Symbol.dispose]: stop };
}

/** How often the open socket is asked something from now on. */
function questions(world: SessionWorld, host: SessionHost): () => number {
  const sock = host.manager.openSocketOf(world.company);
  if (sock === undefined) throw new Error('No socket is open');
  const { calls } = vi.spyOn(sock, 'query').mock;
  return () => calls.filter(([{ attrs }]) => attrs['xmlns'] === 'w:p').length;
}

describe('a line on which an acknowledgement is late', () => {
  it('gets a new socket within seconds when it is dead, long before Baileys notices', async () => {
    await using world = await SessionWorld.start();
    using session = await linked(world);
    const { host } = session;
    world.whatsapp.halfOpen(world.salon);
    const { messageId } = await host.manager.sendMessage(world.company, world.client.number, 'Второе');
    await waitFor('the end of the socket', () => host.disconnections.length > 0, 3_000);
    await host.reaches(world.company, 'connected');
    expect(host.disconnections).toEqual([{ reason: '408', willReconnect: true }]);

    await host.manager.sendMessage(world.company, world.client.number, 'Второе', { messageId });
    await host.hears(messageId, 'delivered');
    expect(world.client.inbox.map(({ text }) => text)).toEqual(['Первое', 'Второе']);
  });

  it('keeps its socket when a ping is answered, and is asked again: it may die later', async () => {
    await using world = await SessionWorld.start();
    using session = await linked(world);
    const { host } = session;
    const pings = questions(world, host);
    world.whatsapp.withholdAcks(true, world.salon);
    world.client.goOffline();
    await host.manager.sendMessage(world.company, world.client.number, 'Второе');
    await waitFor('two pings', () => pings() >= 2);
    expect(host.disconnections).toEqual([]);

    world.whatsapp.halfOpen(world.salon);
    await waitFor('the end of the socket', () => host.disconnections.length > 0, 3_000);
  });

  it('gets one new socket and no more where WhatsApp itself is slow, until it acknowledges again', async () => {
    await using world = await SessionWorld.start();
    using session = await linked(world);
    const { host } = session;
    world.whatsapp.withholdAcks(true, world.salon);
    world.whatsapp.silenceQueries('w:p', true);
    world.client.goOffline();
    await host.manager.sendMessage(world.company, world.client.number, 'Второе');
    await waitFor('the end of the socket', () => host.disconnections.length > 0, 3_000);
    await host.reaches(world.company, 'connected');
    const again = await host.manager.sendMessage(world.company, world.client.number, 'Третье');
    // Longer than another end would take.
    await delay(3_000);
    expect(world.happened('login')).toBe(2);

    world.whatsapp.withholdAcks(false, world.salon);
    await host.manager.sendMessage(world.company, world.client.number, 'Третье', again);
    await host.hears(again.messageId, 'sent');
    world.whatsapp.halfOpen(world.salon);
    await host.manager.sendMessage(world.company, world.client.number, 'Четвёртое');
    await waitFor('the end of the second socket', () => host.disconnections.length > 1, 3_000);
  });

  it('is asked again on a socket that came for another reason, whatever the one before went through', async () => {
    await using world = await SessionWorld.start();
    using session = await linked(world);
    const { host } = session;
    world.whatsapp.halfOpen(world.salon);
    const first = await host.manager.sendMessage(world.company, world.client.number, 'Второе');
    await waitFor('the end of the socket', () => host.disconnections.length === 1, 3_000);
    await host.reaches(world.company, 'connected');
    world.salon.drop();
    await waitFor('the end of the second socket', () => host.disconnections.length === 2, 3_000);
    await host.reaches(world.company, 'connected');
    world.whatsapp.withholdAcks(true, world.salon);
    world.client.goOffline();
    await host.manager.sendMessage(world.company, world.client.number, 'Второе', first);
    world.whatsapp.halfOpen(world.salon);
    await waitFor('the end of the third socket', () => host.disconnections.length > 2, 3_000);
    expect(host.disconnections.map(({ reason }) => reason)).toEqual(['408', '428', '408']);
  });
});
