import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { every } from '../../src/lib/every.ts';
import { SessionWorld } from '../harness/session-world.ts';
import { waitFor } from '../harness/wait-for.ts';
import { WatchedSession } from '../harness/watched-session.ts';

const lineTimings = { lateAckMs: 300, pingTimeoutMs: 300 };

async function linked(world: SessionWorld) {
  const host = world.host();
  const watched = new WatchedSession(host, { timings: { ...lineTimings, silenceMs: 3_600_000 } });
  const sweeps = every(50, () => watched.watch.sweepLines());
  await host.link(world.company, world.salon);
  await host.manager.sendMessage(world.company, world.client.number, 'Первое');
  await waitFor('the first message', () => world.client.inbox.length === 1);
  const stop = (): void => {
    sweeps[Symbol.dispose]();
    watched[Symbol.dispose]();
  };
  return { host, [Symbol.dispose]: stop };
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

  it('keeps its socket when a ping is answered', async () => {
    await using world = await SessionWorld.start();
    using session = await linked(world);
    const { host } = session;
    world.whatsapp.delayAcks(1_500, world.salon);
    world.client.goOffline();
    const { messageId } = await host.manager.sendMessage(world.company, world.client.number, 'Второе');
    await host.hears(messageId, 'sent');
    await delay(500);
    expect(host.disconnections).toEqual([]);
    expect(world.happened('login')).toBe(1);
  });
});
