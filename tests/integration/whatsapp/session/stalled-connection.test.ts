import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { disposableInterval } from '../../../../src/lib/async/timers.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';
import type { SessionHost } from '../../../support/fixtures/whatsapp/session-host.ts';
import { WatchdogFixture } from '../../../support/fixtures/whatsapp/watchdog-fixture.ts';

const pingTimeouts = { lateAckMs: 300, pingTimeoutMs: 300 };

async function openWatchedSession(fixture: SessionFixture) {
  const host = fixture.host();
  const watched = new WatchdogFixture(host, { timeouts: { ...pingTimeouts, silenceMs: 3_600_000 } });
  const sweeps = disposableInterval(50, () => watched.watchdog.pingStalledSockets());
  await host.link(fixture.companyId, fixture.salon);
  const { messageId } = await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Первое');
  await host.waitForMessageStatus(messageId, 'delivered');
  const stop = (): void => {
    sweeps[Symbol.dispose]();
    watched[Symbol.dispose]();
  };
  return { host, [Symbol.dispose]: stop };
}

/** Counts the pings on the open socket from now on. */
function countPings(fixture: SessionFixture, host: SessionHost): () => number {
  const sock = host.manager.getConnectedSocket(fixture.companyId);
  if (sock === undefined) throw new Error('No socket is open');
  const { calls } = vi.spyOn(sock, 'query').mock;
  return () => calls.filter(([{ attrs }]) => attrs['xmlns'] === 'w:p').length;
}

describe('a connection with a late ack', () => {
  it('is replaced within seconds when it is dead, long before Baileys detects it', async () => {
    await using fixture = await SessionFixture.start();
    using session = await openWatchedSession(fixture);
    const { host } = session;
    fixture.whatsapp.halfOpen(fixture.salon);
    const { messageId } = await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Второе');
    await waitFor('the end of the socket', () => host.disconnections.length > 0, 3_000);
    await host.waitForState(fixture.companyId, 'connected');
    expect(host.disconnections).toEqual([{ reason: '408', willReconnect: true }]);

    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Второе', { messageId });
    await host.waitForMessageStatus(messageId, 'delivered');
    expect(fixture.client.inbox.map(({ text }) => text)).toEqual(['Первое', 'Второе']);
  });

  it('stays open when a ping is answered, and is pinged again in case it dies later', async () => {
    await using fixture = await SessionFixture.start();
    using session = await openWatchedSession(fixture);
    const { host } = session;
    const pings = countPings(fixture, host);
    fixture.whatsapp.withholdAcks(true, fixture.salon);
    fixture.client.goOffline();
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Второе');
    await waitFor('two pings', () => pings() >= 2);
    expect(host.disconnections).toEqual([]);

    fixture.whatsapp.halfOpen(fixture.salon);
    await waitFor('the end of the socket', () => host.disconnections.length > 0, 3_000);
  });

  it('is replaced only once while WhatsApp itself is slow, until acks return', async () => {
    await using fixture = await SessionFixture.start();
    using session = await openWatchedSession(fixture);
    const { host } = session;
    fixture.whatsapp.withholdAcks(true, fixture.salon);
    fixture.whatsapp.silenceQueries('w:p', true);
    fixture.client.goOffline();
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Второе');
    await waitFor('the end of the socket', () => host.disconnections.length > 0, 3_000);
    await host.waitForState(fixture.companyId, 'connected');
    const again = await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Третье');
    // Longer than another replacement would take.
    await delay(3_000);
    expect(fixture.countEvents('login')).toBe(2);

    fixture.whatsapp.withholdAcks(false, fixture.salon);
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Третье', again);
    await host.waitForMessageStatus(again.messageId, 'sent');
    fixture.whatsapp.halfOpen(fixture.salon);
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Четвёртое');
    await waitFor('the end of the second socket', () => host.disconnections.length > 1, 3_000);
  });

  it('is pinged again on a socket that was replaced for another reason', async () => {
    await using fixture = await SessionFixture.start();
    using session = await openWatchedSession(fixture);
    const { host } = session;
    fixture.whatsapp.halfOpen(fixture.salon);
    const first = await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Второе');
    await waitFor('the end of the socket', () => host.disconnections.length === 1, 3_000);
    await host.waitForState(fixture.companyId, 'connected');
    fixture.salon.drop();
    await waitFor('the end of the second socket', () => host.disconnections.length === 2, 3_000);
    await host.waitForState(fixture.companyId, 'connected');
    fixture.whatsapp.withholdAcks(true, fixture.salon);
    fixture.client.goOffline();
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'Второе', first);
    fixture.whatsapp.halfOpen(fixture.salon);
    await waitFor('the end of the third socket', () => host.disconnections.length > 2, 3_000);
    expect(host.disconnections.map(({ reason }) => reason)).toEqual(['408', '428', '408']);
  });
});
