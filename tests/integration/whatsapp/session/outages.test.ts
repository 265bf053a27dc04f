import { describe, expect, it } from 'vitest';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('a lost connection', () => {
  it('comes back by itself', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    world.salon.drop();
    await waitFor('the loss to be told', () => host.disconnections[0]);
    await host.reaches(world.company, 'connected');

    expect(host.states.slice(-2)).toEqual(['reconnecting', 'connected']);
    expect(host.disconnections).toEqual([{ reason: '428', willReconnect: true }]);
    expect(host.connections.map(({ firstTime }) => firstTime)).toEqual([true, false]);
    await host.manager.sendMessage(world.company, world.client.number, 'мы снова на связи');
    await world.client.waitForMessage(({ text }) => text === 'мы снова на связи');
  });

  it('is tried again for as long as WhatsApp refuses, one socket at a time', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const before = world.happened('connected');
    world.whatsapp.refuseLogins(503);
    world.whatsapp.endAll(503);
    await waitFor('three more tries', () => world.happened('connected') - before >= 3);
    expect(world.happened('connected') - world.happened('disconnected')).toBeLessThanOrEqual(1);
    world.whatsapp.refuseLogins(undefined);
    await host.reaches(world.company, 'connected');
  });

  it('does not hang on a server that answers the upgrade with an HTTP error', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost({ timings: { answerTimeoutMs: 300 } });
    world.whatsapp.refuseUpgrades(503);
    world.salon.drop();
    const silences = () => host.log.lines.filter((line) => line.includes('"code":408'));
    await waitFor('the watchdog', () => silences().length >= 2);
    world.whatsapp.refuseUpgrades(undefined);
    await host.reaches(world.company, 'connected');
    expect(host.connections).toHaveLength(2);
  });

  it('by a second login with the same device is waited out, not raced against', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    const before = world.happened('connected');
    world.whatsapp.endAll(440);
    await host.reaches(world.company, 'reconnecting');
    expect(host.manager.getSessionStatus(world.company).detail).toBe('440');
    expect(host.disconnections).toEqual([{ reason: '440', willReconnect: true }]);
    expect(world.leases.holderOf(world.company)).toBe('instance-a');
    expect(world.happened('connected')).toBe(before);
  });

  it('by a second login of the instance that has the lease now leaves the session to it (fault 16)', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost({ timings: { leaseRetryMs: 50 } });
    await world.leases.takeAway(world.company, 'instance-b');
    const before = world.happened('connected');
    world.whatsapp.endAll(440);
    await host.reaches(world.company, 'stopped');
    await waitFor(
      'it to ask for the lease again',
      () => host.manager.getSessionStatus(world.company).detail === 'leased_elsewhere',
    );
    expect(host.disconnections).toEqual([{ reason: 'lease_lost', willReconnect: true }]);
    expect(world.happened('connected')).toBe(before);
  });

  it('again and again as soon as it is open makes the session rest, with one alert', async () => {
    await using world = await SessionWorld.start();
    const timings = { backoffFirstMs: 10, backoffMaxMs: 10, flappingRestMs: 500 };
    const host = await world.linkedHost({ timings });
    const status = () => host.manager.getSessionStatus(world.company);
    host.manager.on('state', (_companyId, { state }) => {
      if (state === 'connected') world.whatsapp.endAll(503);
    });
    world.whatsapp.endAll(503);
    await waitFor('the rest', () => status().detail === 'flapping');
    const atRest = world.happened('connected');
    expect(status().state).toBe('reconnecting');
    await waitFor('the second rest', () => world.happened('connected') >= atRest + 6);
    expect(host.log.lines.filter((line) => line.includes('A WhatsApp session needs a look'))).toHaveLength(1);
  });

  it('by a ban keeps the credentials and waits for a person, who may link another number', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    world.whatsapp.refuseLogins(403);
    world.salon.drop();
    await host.reaches(world.company, 'banned');
    await expect(host.rows.companies()).resolves.toEqual([world.company]);
    world.whatsapp.refuseLogins(undefined);
    await host.link(world.company, world.whatsapp.phone('79035556677'));
    expect(host.manager.getSessionStatus(world.company).phone).toBe('+79035556677');
  });
});

describe('a lease', () => {
  it('is granted anew with each socket, so that what the one before left unfinished can be told apart', async () => {
    await using world = await SessionWorld.start();
    const host = world.host();
    await host.manager.generateQRForCompany(world.company);
    const token = () => host.manager.leaseOf(world.company)?.token ?? 0;
    const tokens = [token()];
    await world.salon.scan(host.qrCodes[0]?.text ?? '');
    await host.reaches(world.company, 'connected');
    tokens.push(token());
    world.salon.drop();
    await waitFor('the session to come back', () => host.connections[1]);
    tokens.push(token());

    const [pairing = 0, linked = 0, reconnected = 0] = tokens;
    expect(pairing).toBeGreaterThan(0);
    expect(linked).toBeGreaterThan(pairing);
    expect(reconnected).toBeGreaterThan(linked);
    expect(host.states).not.toContain('stopped');
  });

  it('held by another instance means no socket here, until that instance lets go', async () => {
    await using world = await SessionWorld.start();
    const first = await world.linkedHost();
    const second = world.host({ owner: 'instance-b' });
    await second.manager.initializeManager();
    await second.reaches(world.company, 'stopped');
    expect(second.manager.getSessionStatus(world.company).detail).toBe('leased_elsewhere');
    await expect(second.manager.generateQRForCompany(world.company)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    expect(world.happened('login')).toBe(1);

    await world.stop(first);
    await second.reaches(world.company, 'connected');
    expect(second.qrCodes).toEqual([]);
  });

  it('that was taken away closes the socket, and what it would still write is refused', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost({ timings: { leaseRenewEveryMs: 100 } });
    const stale = host.manager.leaseOf(world.company);
    if (stale === undefined) throw new Error('The linked session has no lease');
    const taken = await world.leases.takeAway(world.company, 'instance-b');
    await host.reaches(world.company, 'stopped');

    expect(host.manager.leaseOf(world.company)).toBeUndefined();
    await waitFor(
      'the socket to close',
      () => world.happened('connected') === world.happened('disconnected'),
    );
    await host.rows.write(taken, [{ type: 'probe', id: 'probe', value: new Uint8Array([1]) }]);
    const change = { type: 'probe', id: 'probe', value: null };
    await expect(host.rows.write(stale, [change])).rejects.toThrow('leased again');
  });

  it('that cannot be renewed is not trusted to its end', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost({ timings: { leaseTtlMs: 600, leaseRenewEveryMs: 100 } });
    world.leases.failure = new Error('The database is gone');
    const failedAtMs = performance.now();
    await host.reaches(world.company, 'stopped');
    expect(performance.now() - failedAtMs).toBeLessThan(600);
    world.leases.failure = undefined;
    await host.reaches(world.company, 'connected');
  });
});
