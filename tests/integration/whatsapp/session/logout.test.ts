import { describe, expect, it, vi } from 'vitest';
import { LeaseLostError } from '../../../../src/domain/errors/lease-lost-error.ts';
import { SessionWorld } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('a logout whose credentials the store does not erase', () => {
  it('leaves a session at rest that says so and holds no lease, and is finished when it is asked for again', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    vi.spyOn(host.rows, 'erase').mockRejectedValueOnce(new Error('disk full'));
    await expect(host.manager.disconnectSession(world.company)).rejects.toThrow('disk full');

    expect(host.manager.getSessionStatus(world.company)).toMatchObject({
      state: 'stopped',
      detail: 'credentials_not_erased',
    });
    expect(world.leases.holderOf(world.company)).toBeUndefined();
    await waitFor('the phone to forget the device', () => world.salon.linkedDevices.length === 0);
    expect(host.disconnections).toEqual([]);

    await host.manager.disconnectSession(world.company);
    expect(host.manager.getSessionStatus(world.company)).toMatchObject({
      state: 'logged_out',
      detail: 'requested',
    });
    expect(host.disconnections).toEqual([{ reason: 'requested', willReconnect: false }]);
    expect(world.leases.holderOf(world.company)).toBeUndefined();
    await expect(host.rows.companies()).resolves.toEqual([]);
    await host.link(world.company, world.salon);
  });

  it('ends also a session that was about to connect again', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    world.whatsapp.refuseLogins(503);
    world.salon.drop();
    await waitFor('a refusal', () => world.happened('login refused') > 0);
    await host.reaches(world.company, 'reconnecting');
    vi.spyOn(host.rows, 'erase').mockRejectedValueOnce(new Error('disk full'));
    await expect(host.manager.disconnectSession(world.company)).rejects.toThrow('disk full');

    expect(host.manager.getSessionStatus(world.company).state).toBe('stopped');
    expect(world.leases.holderOf(world.company)).toBeUndefined();
    await host.manager.disconnectSession(world.company);
    expect(host.manager.getSessionStatus(world.company).state).toBe('logged_out');
    expect(host.disconnections.at(-1)).toEqual({ reason: 'requested', willReconnect: false });
  });

  it('because another instance has the session now leaves it to that one', async () => {
    await using world = await SessionWorld.start();
    const host = await world.linkedHost();
    vi.spyOn(host.rows, 'erase').mockRejectedValueOnce(new LeaseLostError());
    await expect(host.manager.disconnectSession(world.company)).rejects.toThrow(LeaseLostError);
    expect(host.manager.getSessionStatus(world.company)).toMatchObject({
      state: 'stopped',
      detail: 'lease_lost',
    });
  });

  it('while a pairing makes way for a new one ends the pairing', async () => {
    const clock = { offsetMs: 0 };
    await using world = await SessionWorld.start();
    const host = world.host({ now: () => new Date(Date.now() + clock.offsetMs) });
    await host.manager.requestPairingCode(world.company, world.salon.number);
    clock.offsetMs = 110_000;
    vi.spyOn(host.rows, 'erase').mockRejectedValueOnce(new Error('disk full'));
    const again = () => host.manager.requestPairingCode(world.company, world.salon.number);
    await expect(again()).rejects.toThrow('disk full');
    expect(host.manager.getSessionStatus(world.company)).toMatchObject({
      state: 'idle',
      detail: 'store_unavailable',
    });
    expect(world.leases.holderOf(world.company)).toBeUndefined();

    const { code } = await again();
    await world.salon.enterPairingCode(code);
    await host.reaches(world.company, 'connected');
  });
});
