import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import type { ReceivedText } from '../../../../src/ports/received-messages.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';
import type { SessionHost } from '../../../support/fixtures/whatsapp/session-host.ts';
import { noon, WatchdogFixture } from '../../../support/fixtures/whatsapp/watchdog-fixture.ts';

const night = new Date('2026-03-10T00:00:00Z');
const noSilence = { silenceMs: 3_600_000 };

function collectTexts(host: SessionHost): string[] {
  const texts: string[] = [];
  host.manager.on('received', (_companyId, { text }: ReceivedText) => texts.push(text));
  return texts;
}

describe('a deaf session', () => {
  it('gets a new socket, and the withheld messages arrive', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    using watched = new WatchdogFixture(host);
    const texts = collectTexts(host);
    await host.link(fixture.companyId, fixture.salon);
    const logins = fixture.countEvents('login');
    fixture.whatsapp.deafen(fixture.salon, 'next login');
    await fixture.client.sendText(fixture.salon.number, 'Приду');
    await waitFor('the message', () => texts.includes('Приду'), 15_000);
    await waitFor('the recovery', async () => (await watched.actionCount('recovered')) === 1);
    // The fixture's clock stands still.
    expect(watched.watchdog.lastInboundAt(fixture.companyId)?.getTime()).toBeCloseTo(noon.getTime(), -4);

    expect(fixture.countEvents('login')).toBe(logins + 1);
    expect(host.disconnections).toEqual([{ reason: 'deaf', willReconnect: true }]);
    expect(host.manager.getSessionStatus(fixture.companyId).state).toBe('connected');
    expect([await watched.actionCount('renew'), await watched.actionCount('alert')]).toEqual([1, 0]);
    const { messageId } = await host.manager.sendMessage(
      fixture.companyId,
      fixture.client.number,
      'Ждём вас',
    );
    await host.waitForMessageStatus(messageId, 'delivered');
  });

  it('raises one alert when a new socket does not help, and reports the recovery', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    using watched = new WatchdogFixture(host);
    const texts = collectTexts(host);
    await host.link(fixture.companyId, fixture.salon);
    const logins = fixture.countEvents('login');
    fixture.whatsapp.deafen(fixture.salon);
    await waitFor('the alert', async () => (await watched.actionCount('alert')) === 1, 15_000);
    const { sweeps } = watched;
    // Longer than another episode would take.
    await waitFor('more sweeps', () => watched.sweeps >= sweeps + 100, 20_000);

    expect(fixture.countEvents('login')).toBe(logins + 1);
    expect([
      await watched.actionCount('renew'),
      await watched.actionCount('alert'),
      await watched.actionCount('probe'),
    ]).toEqual([1, 1, 2]);
    expect(host.log.lines.filter((line) => line.includes('receives nothing after'))).toHaveLength(1);
    expect(watched.watchdog.alertedSessionCount).toBe(1);
    const expectedEvent = { companyId: fixture.companyId, cause: 'watchdog' };
    expect(watched.events).toEqual([{ ...expectedEvent, type: 'whatsapp_deaf' }]);

    fixture.whatsapp.undeafen(fixture.salon);
    await fixture.client.sendText(fixture.salon.number, 'Вы тут?');
    await waitFor('the message', () => texts.includes('Вы тут?'));
    await waitFor('the recovery', () => watched.watchdog.alertedSessionCount === 0);
    expect(watched.events.at(-1)).toEqual({ ...expectedEvent, type: 'whatsapp_hears_again' });
  }, 60_000);

  it('is detected within a minute when its messages are not acknowledged either', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    using watched = new WatchdogFixture(host, { timeouts: noSilence });
    await host.link(fixture.companyId, fixture.salon);
    await waitFor('the test message', () => fixture.countEvents('acknowledged') > 0);
    fixture.whatsapp.withholdAcks(true, fixture.salon);
    fixture.whatsapp.deafen(fixture.salon, 'next login');
    for (const text of ['Раз', 'Два', 'Три'])
      await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await waitFor('the new socket', async () => (await watched.actionCount('renew')) === 1, 15_000);
    await waitFor('the receipts', async () => (await watched.actionCount('recovered')) === 1, 15_000);
    expect(await watched.actionCount('alert')).toBe(0);
  });

  it('is not assumed when acks are late and the phone is off: the socket stays', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    using watched = new WatchdogFixture(host, { timeouts: { ...noSilence, probeTimeoutMs: 10_000 } });
    await host.link(fixture.companyId, fixture.salon);
    await waitFor('the test message', () => fixture.countEvents('acknowledged') > 0);
    const logins = fixture.countEvents('login');
    fixture.salon.goOffline();
    fixture.client.goOffline();
    fixture.whatsapp.delayAcks(4_000, fixture.salon);
    for (const text of ['Раз', 'Два', 'Три'])
      await host.manager.sendMessage(fixture.companyId, fixture.client.number, text);
    await waitFor('the probe', async () => (await watched.actionCount('probe')) === 1, 15_000);
    await waitFor('the answer', async () => (await watched.actionCount('answered')) === 1, 15_000);
    expect(await watched.actionCount('renew')).toBe(0);
    expect(fixture.countEvents('login')).toBe(logins);
  }, 40_000);

  it('is neither probed nor renewed at night', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    using watched = new WatchdogFixture(host, { now: night, timeouts: { silenceMs: 100 } });
    await host.link(fixture.companyId, fixture.salon);
    const logins = fixture.countEvents('login');
    fixture.whatsapp.deafen(fixture.salon);
    await fixture.client.sendText(fixture.salon.number, 'Не спите?');
    const { sweeps } = watched;
    await waitFor('more sweeps', () => watched.sweeps >= sweeps + 60, 10_000);
    expect([await watched.actionCount('probe'), await watched.actionCount('renew')]).toEqual([0, 0]);
    expect(fixture.countEvents('login')).toBe(logins);
  });
});

describe('a quiet session', () => {
  it('is never reconnected by its watchdog, and its owner does not see the probes', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    using watched = new WatchdogFixture(host, { timeouts: { probeTimeoutMs: 15_000 } });
    await host.link(fixture.companyId, fixture.salon);
    await waitFor('the test message', () => fixture.salon.sentFromCompanions.length > 0);
    const logins = fixture.countEvents('login');
    const seen = [fixture.salon.sentFromCompanions.length, fixture.salon.inbox.length];
    await waitFor('three answers', async () => (await watched.actionCount('answered')) >= 3, 20_000);

    expect([await watched.actionCount('renew'), await watched.actionCount('alert')]).toEqual([0, 0]);
    expect(fixture.countEvents('login')).toBe(logins);
    expect(host.disconnections).toEqual([]);
    expect([fixture.salon.sentFromCompanions.length, fixture.salon.inbox.length]).toEqual(seen);
  }, 30_000);

  it('counts as deaf while the phone is switched off: one new socket, one alert', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    using watched = new WatchdogFixture(host);
    await host.link(fixture.companyId, fixture.salon);
    const logins = fixture.countEvents('login');
    fixture.salon.goOffline();
    await waitFor('the alert', async () => (await watched.actionCount('alert')) === 1, 15_000);
    expect(fixture.countEvents('login')).toBe(logins + 1);
    fixture.salon.goOnline();
    await waitFor('the phone to answer', async () => (await watched.actionCount('recovered')) === 1);
  });
});

describe('a half-open connection', () => {
  it('is dropped when the keepalive fails, not when its close times out', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { keepAliveIntervalMs: 500 } });
    using watched = new WatchdogFixture(host, { timeouts: noSilence });
    const texts = collectTexts(host);
    await host.link(fixture.companyId, fixture.salon);
    await waitFor('a sweep', () => watched.sweeps > 0);
    const halfOpenAtMs = performance.now();
    fixture.whatsapp.halfOpen(fixture.salon);
    await fixture.client.sendText(fixture.salon.number, 'Алло?');
    await waitFor('the message', () => texts.includes('Алло?'), 25_000);
    expect(host.disconnections).toEqual([{ reason: '408', willReconnect: true }]);
    // Baileys alone takes 30 s longer.
    expect(performance.now() - halfOpenAtMs).toBeLessThan(25_000);
  }, 40_000);
});
