import { describe, expect, it, vi } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { companyIdFrom } from '../../../../src/domain/ids.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

const minuteMs = 60_000;

/** A fixture with an adjustable clock for its hosts. */
async function fixtureWithClock() {
  const clock = { offsetMs: 0 };
  const fixture = await SessionFixture.start();
  return { fixture, clock, now: () => new Date(Date.now() + clock.offsetMs) };
}

describe('an unlinked session', () => {
  it('is removed with its credentials after 30 minutes and can be linked again', async () => {
    const { fixture, clock, now } = await fixtureWithClock();
    await using _ = fixture;
    const host = fixture.host({ now });
    await host.manager.requestPairingCode(fixture.companyId, fixture.salon.number);
    await waitFor('unlinked credentials', async () => (await host.credentials.companies()).length === 1);
    clock.offsetMs = 29 * minuteMs;
    await host.manager.evictUnlinkedSessions();
    expect(host.manager.countByState()).toEqual({ pairing: 1 });

    clock.offsetMs = 31 * minuteMs;
    await host.manager.evictUnlinkedSessions();
    expect(host.manager.countByState()).toEqual({});
    expect(host.manager.getSessionStatus(fixture.companyId).state).toBe('idle');
    expect(host.states).toEqual(['pairing', 'idle']);
    expect(fixture.leases.holder(fixture.companyId)).toBeUndefined();
    await expect(host.credentials.companies()).resolves.toEqual([]);
    await waitFor('the socket to close', () => fixture.countEvents('disconnected') === 1);

    await host.link(fixture.companyId, fixture.salon);
    expect(fixture.countEvents('login refused')).toBe(0);
  });

  it('keeps its last state when its QR codes have expired, and is removed', async () => {
    const { fixture, clock, now } = await fixtureWithClock();
    await using _ = fixture;
    const host = fixture.host({ now, timeouts: { qrLifetimeMs: 100 } });
    await host.manager.generateQRForCompany(fixture.companyId);
    await host.waitForState(fixture.companyId, 'qr_expired');
    clock.offsetMs = 31 * minuteMs;
    await Promise.all([host.manager.evictUnlinkedSessions(), host.manager.evictUnlinkedSessions()]);
    expect(host.manager.countByState()).toEqual({});
    expect(host.states.at(-1)).toBe('qr_expired');
  });

  it('holds no lease when the store fails during eviction, and is removed the next time', async () => {
    const { fixture, clock, now } = await fixtureWithClock();
    await using _ = fixture;
    const host = fixture.host({ now, timeouts: { qrLifetimeMs: 100 } });
    const [parked, running] = [fixture.companyId, companyIdFrom(8)];
    await host.manager.generateQRForCompany(parked);
    await host.waitForState(parked, 'qr_expired');
    expect(fixture.leases.holder(parked)).toBeUndefined();
    await host.manager.requestPairingCode(running, fixture.salon.number);
    expect(fixture.leases.holder(running)).toBe('instance-a');

    const write = vi.spyOn(host.credentials, 'write').mockRejectedValue(new Error('disk full'));
    clock.offsetMs = 31 * minuteMs;
    await host.manager.evictUnlinkedSessions();
    expect(write).toHaveBeenCalled();
    expect(fixture.leases.holder(parked)).toBeUndefined();
    expect(fixture.leases.holder(running)).toBeUndefined();
    expect(host.manager.countByState()).toEqual({ qr_expired: 1, idle: 1 });
    await waitFor('the socket to close', () => fixture.countEvents('disconnected') === 2);

    write.mockRestore();
    clock.offsetMs = 62 * minuteMs;
    await host.manager.evictUnlinkedSessions();
    expect(host.manager.countByState()).toEqual({});
    await host.link(running, fixture.salon);
  });

  it('is not evicted once it is linked', async () => {
    const { fixture, clock, now } = await fixtureWithClock();
    await using _ = fixture;
    const host = fixture.host({ now });
    await host.link(fixture.companyId, fixture.salon);
    clock.offsetMs = 24 * 60 * minuteMs;
    await host.manager.evictUnlinkedSessions();
    expect(host.manager.countByState()).toEqual({ connected: 1 });
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'ещё здесь');
    await fixture.client.waitForMessage(({ text }) => text === 'ещё здесь');
  });

  it('is linked when a pairing request arrives during eviction', async () => {
    const { fixture, clock, now } = await fixtureWithClock();
    await using _ = fixture;
    const host = fixture.host({ now, timeouts: { qrLifetimeMs: 100 } });
    await host.manager.generateQRForCompany(fixture.companyId);
    await host.waitForState(fixture.companyId, 'qr_expired');
    clock.offsetMs = 31 * minuteMs;
    const [, code] = await Promise.all([
      host.manager.evictUnlinkedSessions(),
      host.manager.generateQRForCompany(fixture.companyId),
    ]);
    expect(host.manager.countByState()).toEqual({ pairing: 1 });
    await fixture.salon.scan(code.text);
    await host.waitForState(fixture.companyId, 'connected');
  });
});

describe('the pairing limit', () => {
  it('rejects a pairing while all slots are occupied and admits it later', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ maxPairings: 2 });
    const [first, second, third] = [companyIdFrom(1), companyIdFrom(2), companyIdFrom(3)];
    const results = await Promise.allSettled(
      [first, second, third].map((companyId) => host.manager.generateQRForCompany(companyId)),
    );
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'RATE_LIMIT', retryAfterSeconds: 30 } });
    await expect(host.manager.generateQRForCompany(first)).resolves.toMatchObject({ sequence: 1 });
    expect(fixture.countEvents('registration')).toBe(2);

    await host.link(first, fixture.salon);
    await host.manager.generateQRForCompany(third);
    expect(host.manager.countByState()).toEqual({ connected: 1, pairing: 2 });
  });

  it('does not count a pairing that waits for a retry after a refused client version', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ maxPairings: 1 });
    const [waiting, first, second] = [companyIdFrom(1), companyIdFrom(2), companyIdFrom(3)];
    fixture.whatsapp.refuseLogins(405);
    await host.manager.createNewSession(waiting);
    await waitFor('the refusal', () => host.manager.getSessionStatus(waiting).detail === '405');
    expect(host.manager.getSessionStatus(waiting).state).toBe('pairing');

    fixture.whatsapp.refuseLogins(undefined);
    await host.manager.generateQRForCompany(first);
    await expect(host.manager.generateQRForCompany(second)).rejects.toMatchObject({ code: 'RATE_LIMIT' });
    // Already pairing: not subject to the limit.
    await host.manager.createNewSession(waiting);
    await host.link(first, fixture.salon);
  });
});
