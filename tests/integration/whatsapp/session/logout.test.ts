import { describe, expect, it, vi } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { LeaseLostError } from '../../../../src/domain/errors/lease-lost-error.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

describe('a logout whose credentials cannot be erased', () => {
  it('parks the session without a lease and completes when requested again', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    vi.spyOn(host.credentials, 'erase').mockRejectedValueOnce(new Error('disk full'));
    await expect(host.manager.disconnectSession(fixture.companyId)).rejects.toThrow('disk full');

    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({
      state: 'stopped',
      detail: 'credentials_not_erased',
    });
    expect(fixture.leases.holder(fixture.companyId)).toBeUndefined();
    await waitFor('the phone to forget the device', () => fixture.salon.linkedDevices.length === 0);
    expect(host.disconnections).toEqual([]);

    await host.manager.disconnectSession(fixture.companyId);
    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({
      state: 'logged_out',
      detail: 'requested',
    });
    expect(host.disconnections).toEqual([{ reason: 'requested', willReconnect: false }]);
    expect(fixture.leases.holder(fixture.companyId)).toBeUndefined();
    await expect(host.credentials.companies()).resolves.toEqual([]);
    await host.link(fixture.companyId, fixture.salon);
  });

  it('also stops a session that was about to reconnect', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    fixture.whatsapp.refuseLogins(503);
    fixture.salon.drop();
    await waitFor('a refusal', () => fixture.countEvents('login refused') > 0);
    await host.waitForState(fixture.companyId, 'reconnecting');
    vi.spyOn(host.credentials, 'erase').mockRejectedValueOnce(new Error('disk full'));
    await expect(host.manager.disconnectSession(fixture.companyId)).rejects.toThrow('disk full');

    expect(host.manager.getSessionStatus(fixture.companyId).state).toBe('stopped');
    expect(fixture.leases.holder(fixture.companyId)).toBeUndefined();
    await host.manager.disconnectSession(fixture.companyId);
    expect(host.manager.getSessionStatus(fixture.companyId).state).toBe('logged_out');
    expect(host.disconnections.at(-1)).toEqual({ reason: 'requested', willReconnect: false });
  });

  it('leaves the session to another instance that has taken over its lease', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    vi.spyOn(host.credentials, 'erase').mockRejectedValueOnce(new LeaseLostError());
    await expect(host.manager.disconnectSession(fixture.companyId)).rejects.toThrow(LeaseLostError);
    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({
      state: 'stopped',
      detail: 'lease_lost',
    });
  });

  it('ends a pairing that was being replaced by a new one', async () => {
    const clock = { offsetMs: 0 };
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ now: () => new Date(Date.now() + clock.offsetMs) });
    await host.manager.requestPairingCode(fixture.companyId, fixture.salon.number);
    clock.offsetMs = 110_000;
    vi.spyOn(host.credentials, 'erase').mockRejectedValueOnce(new Error('disk full'));
    const requestAgain = () => host.manager.requestPairingCode(fixture.companyId, fixture.salon.number);
    await expect(requestAgain()).rejects.toThrow('disk full');
    expect(host.manager.getSessionStatus(fixture.companyId)).toMatchObject({
      state: 'idle',
      detail: 'store_unavailable',
    });
    expect(fixture.leases.holder(fixture.companyId)).toBeUndefined();

    const { code } = await requestAgain();
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
  });
});
