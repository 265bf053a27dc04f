import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

/** Bug reports against other gateways that no other suite covers. */
describe('a known issue of WhatsApp gateways', () => {
  it('"515, then 401 after the scan": the restart waits until the credentials are saved', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    const write = host.credentials.write.bind(host.credentials);
    vi.spyOn(host.credentials, 'write').mockImplementation(async (lease, changes) => {
      await delay(600);
      await write(lease, changes);
    });
    const { text } = await host.manager.generateQRForCompany(fixture.companyId);
    await fixture.salon.scan(text);
    await waitFor('the first login', () => fixture.countEvents('login') === 1, 20_000);
    await host.waitForState(fixture.companyId, 'connected', 30_000);
    expect(fixture.countEvents('login refused')).toBe(0);
    expect(fixture.countEvents('registration')).toBe(1);
    expect(host.states).toEqual(['pairing', 'connecting', 'connected']);
  }, 60_000);

  it('"send hangs right after link": a message is sent while the history still arrives', async () => {
    await using fixture = await SessionFixture.start();
    const host = await fixture.linkedHost();
    const requestedAtMs = performance.now();
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'сразу после привязки');
    await fixture.client.waitForMessage(({ text }) => text === 'сразу после привязки');
    expect(performance.now() - requestedAtMs).toBeLessThan(5_000);
  });

  it('"stuck after the code, no error": both passkey notifications are reported', async () => {
    for (const step of ['passkey_prologue_request', 'crsc_continuation'] as const) {
      await using fixture = await SessionFixture.start();
      fixture.whatsapp.requirePasskey(fixture.salon, true, step);
      const host = fixture.host({ timeouts: { passkeyTimeoutMs: 300 } });
      const { code } = await host.manager.requestPairingCode(fixture.companyId, fixture.salon.number);
      await expect(fixture.salon.enterPairingCode(code)).rejects.toThrow('passkey');
      await host.waitForState(fixture.companyId, 'passkey_required');
      await waitFor(
        'the credentials to be erased',
        async () => (await host.credentials.companies()).length === 0,
      );
      expect(fixture.countEvents('login')).toBe(0);
    }
  });

  it('"401 device_removed repeatedly": concurrent requests open one socket', async () => {
    await using fixture = await SessionFixture.start();
    await fixture.stop(await fixture.linkedHost());
    const logins = fixture.countEvents('login');
    const host = fixture.host();
    await Promise.all([host.manager.initializeManager(), host.manager.initializeManager()]);
    const requests = await Promise.allSettled(
      Array.from({ length: 5 }, () => host.manager.createNewSession(fixture.companyId)),
    );
    await host.waitForState(fixture.companyId, 'connected');
    expect(requests.every(({ status }) => status === 'rejected')).toBe(true);
    expect(fixture.countEvents('login') - logins).toBe(1);
    expect(fixture.countEvents('replaced')).toBe(0);
    expect(fixture.salon.linkedDevices).toHaveLength(1);
  });

  it('"stuck connecting": an attempt without a response ends, and the next one links', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host({ timeouts: { responseTimeoutMs: 1_000, firstQrTimeoutMs: 1_500 } });
    fixture.whatsapp.refuseUpgrades(500);
    await expect(host.manager.generateQRForCompany(fixture.companyId)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
    });
    await host.waitForState(fixture.companyId, 'idle', 20_000);
    expect(fixture.leases.holder(fixture.companyId)).toBeUndefined();
    fixture.whatsapp.refuseUpgrades(undefined);
    await host.link(fixture.companyId, fixture.salon);
  }, 60_000);

  it('"half-made credentials log in": a socket lost after a code registers again', async () => {
    await using fixture = await SessionFixture.start();
    const host = fixture.host();
    await host.manager.requestPairingCode(fixture.companyId, fixture.salon.number);
    fixture.whatsapp.endAll(503);
    await waitFor('a new registration', () => fixture.countEvents('registration') === 2);
    const { code } = await host.manager.requestPairingCode(fixture.companyId, fixture.salon.number);
    await fixture.salon.enterPairingCode(code);
    await host.waitForState(fixture.companyId, 'connected');
    expect(fixture.countEvents('login refused')).toBe(0);
  });
});
