import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

describe('a lost connection', () => {
  it('is restored by itself', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    fixture.salon.drop();
    await waitFor('the disconnect to be reported', () => host.disconnections[0]);
    await host.waitForState(fixture.companyId, 'connected');

    expect(host.states.slice(-2)).toEqual(['reconnecting', 'connected']);
    expect(host.disconnections).toEqual([{ reason: '428', willReconnect: true }]);
    expect(host.connections.map(({ firstTime }) => firstTime)).toEqual([true, false]);
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'мы снова на связи');
    await fixture.client.waitForMessage(({ text }) => text === 'мы снова на связи');
  });

  it('is retried as long as WhatsApp refuses logins, one socket at a time', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const before = fixture.countEvents('connected');
    fixture.whatsapp.refuseLogins(503);
    fixture.whatsapp.endAll(503);
    await waitFor('three more attempts', () => fixture.countEvents('connected') - before >= 3);
    expect(fixture.countEvents('connected') - fixture.countEvents('disconnected')).toBeLessThanOrEqual(1);
    fixture.whatsapp.refuseLogins(undefined);
    await host.waitForState(fixture.companyId, 'connected');
  });

  it('does not hang on a server that answers the upgrade with an HTTP error', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost({ timeouts: { responseTimeoutMs: 300 } });
    fixture.whatsapp.refuseUpgrades(503);
    fixture.salon.drop();
    const timeouts = () => host.log.lines.filter((line) => line.includes('"code":408'));
    await waitFor('two response timeouts', () => timeouts().length >= 2);
    fixture.whatsapp.refuseUpgrades(undefined);
    await host.waitForState(fixture.companyId, 'connected');
    expect(host.connections).toHaveLength(2);
  });

  it('is not reopened at once after a second login with the same device', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const before = fixture.countEvents('connected');
    fixture.whatsapp.endAll(440);
    await host.waitForState(fixture.companyId, 'reconnecting');
    expect(host.manager.getSessionStatus(fixture.companyId).detail).toBe('440');
    expect(host.disconnections).toEqual([{ reason: '440', willReconnect: true }]);
    expect(fixture.leases.holder(fixture.companyId)).toBe('instance-a');
    expect(fixture.countEvents('connected')).toBe(before);
  });

  it('is left to the instance that has the lease after a second login from there', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost({ timeouts: { leaseRetryDelayMs: 50 } });
    await fixture.leases.reassign(fixture.companyId, 'instance-b');
    const before = fixture.countEvents('connected');
    fixture.whatsapp.endAll(440);
    await host.waitForState(fixture.companyId, 'stopped');
    await waitFor(
      'a retry to acquire the lease',
      () => host.manager.getSessionStatus(fixture.companyId).detail === 'leased_elsewhere',
    );
    expect(host.disconnections).toEqual([{ reason: 'lease_lost', willReconnect: true }]);
    expect(fixture.countEvents('connected')).toBe(before);
  });

  it('pauses the session when it recurs right after each login, with one alert', async () => {
    await using fixture = await SessionFixture.start();
    const timeouts = { backoffBaseMs: 10, backoffMaxMs: 10, flappingCooldownMs: 500 };
    const host = await fixture.linkedHost({ timeouts });
    const status = () => host.manager.getSessionStatus(fixture.companyId);
    host.manager.on('state', (_companyId, { state }) => {
      if (state === 'connected') fixture.whatsapp.endAll(503);
    });
    fixture.whatsapp.endAll(503);
    await waitFor('the pause', () => status().detail === 'flapping');
    const connections = fixture.countEvents('connected');
    expect(status().state).toBe('reconnecting');
    await waitFor('the second pause', () => fixture.countEvents('connected') >= connections + 6);
    expect(
      host.log.lines.filter((line) => line.includes('WhatsApp session requires attention')),
    ).toHaveLength(1);
  });

  it('keeps the credentials after a ban, and another number can be linked', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    fixture.whatsapp.refuseLogins(403);
    fixture.salon.drop();
    await host.waitForState(fixture.companyId, 'banned');
    await expect(host.credentials.companies()).resolves.toEqual([fixture.companyId]);
    fixture.whatsapp.refuseLogins(undefined);
    await host.link(fixture.companyId, fixture.whatsapp.phone('79035556677'));
    expect(host.manager.getSessionStatus(fixture.companyId).phone).toBe('+79035556677');
  });
});

describe('a lease', () => {
  it('has a greater token for each socket', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    await host.manager.generateQRForCompany(fixture.companyId);
    const token = () => host.manager.getLease(fixture.companyId)?.token ?? 0;
    const tokens = [token()];
    await fixture.salon.scan(host.qrCodes[0]?.text ?? '');
    await host.waitForState(fixture.companyId, 'connected');
    tokens.push(token());
    fixture.salon.drop();
    await waitFor('the session to come back', () => host.connections[1]);
    tokens.push(token());

    const [pairing = 0, linked = 0, reconnected = 0] = tokens;
    expect(pairing).toBeGreaterThan(0);
    expect(linked).toBeGreaterThan(pairing);
    expect(reconnected).toBeGreaterThan(linked);
    expect(host.states).not.toContain('stopped');
  });

  it('held by another instance prevents a socket until it is released', async () => {
    await using fixture = await SessionFixture.start();
    const first = await fixture.linkedHost();
    const second = fixture.host({ owner: 'instance-b' });
    await second.manager.initializeManager();
    await second.waitForState(fixture.companyId, 'stopped');
    expect(second.manager.getSessionStatus(fixture.companyId).detail).toBe('leased_elsewhere');
    await expect(second.manager.generateQRForCompany(fixture.companyId)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    expect(fixture.countEvents('login')).toBe(1);

    await fixture.stop(first);
    await second.waitForState(fixture.companyId, 'connected');
    expect(second.qrCodes).toEqual([]);
  });

  it('that was taken over closes the socket, and its pending writes are refused', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost({ timeouts: { leaseRenewIntervalMs: 100 } });
    const stale = host.manager.getLease(fixture.companyId);
    if (stale === undefined) throw new Error('The linked session has no lease');
    const taken = await fixture.leases.reassign(fixture.companyId, 'instance-b');
    await host.waitForState(fixture.companyId, 'stopped');

    expect(host.manager.getLease(fixture.companyId)).toBeUndefined();
    await waitFor(
      'the socket to close',
      () => fixture.countEvents('connected') === fixture.countEvents('disconnected'),
    );
    await host.credentials.write(taken, [{ type: 'probe', id: 'probe', value: new Uint8Array([1]) }]);
    const change = { type: 'probe', id: 'probe', value: null };
    await expect(host.credentials.write(stale, [change])).rejects.toThrow('is stale');
  });

  it('that cannot be renewed is dropped before it expires', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost({ timeouts: { leaseTtlMs: 600, leaseRenewIntervalMs: 100 } });
    fixture.leases.failure = new Error('The database is down');
    const failedAtMs = performance.now();
    await host.waitForState(fixture.companyId, 'stopped');
    expect(performance.now() - failedAtMs).toBeLessThan(600);
    fixture.leases.failure = undefined;
    await host.waitForState(fixture.companyId, 'connected');
  });
});
