import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { SessionFixture } from '../../../support/fixtures/whatsapp/session-fixture.ts';

describe('a phone that requires an ADV secret refresh', () => {
  it('gets a renewed QR code with the same expiry at once and links with it', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requireSecretRefresh(fixture.salon, true);
    const host = fixture.host();
    const shown = await host.manager.generateQRForCompany(fixture.companyId);
    await expect(fixture.salon.scan(shown.text)).rejects.toThrow('must refresh its ADV secret');

    const renewed = await waitFor('the new code', () => host.qrCodes[1]);
    expect(qrFields(renewed.text).toSpliced(3, 1)).toEqual(qrFields(shown.text).toSpliced(3, 1));
    expect(qrFields(renewed.text)[3]).not.toBe(qrFields(shown.text)[3]);
    expect(renewed).toMatchObject({ sequence: 2, expiresAt: shown.expiresAt });
    await expect(host.manager.generateQRForCompany(fixture.companyId)).resolves.toEqual(renewed);
    await fixture.salon.scan(renewed.text);
    await host.waitForState(fixture.companyId, 'connected');
    await host.manager.sendMessage(fixture.companyId, fixture.client.number, 'привязан');
    await fixture.client.waitForMessage(({ text }) => text === 'привязан');
    expect(
      host.log.lines.filter((line) => line.includes('ADV secret refresh acknowledgement failed')),
    ).toEqual([]);
  });

  it('finds the new secret in later QR codes too', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requireSecretRefresh(fixture.salon, true);
    const host = fixture.host({ timeouts: { qrLifetimeMs: 500 } });
    const shown = await host.manager.generateQRForCompany(fixture.companyId);
    await expect(fixture.salon.scan(shown.text)).rejects.toThrow('must refresh its ADV secret');

    const renewed = await waitFor('the new code', () => host.qrCodes[1]);
    const later = await waitFor('the code after it', () => host.qrCodes[2]);
    expect(qrFields(later.text)[0]).not.toBe(qrFields(renewed.text)[0]);
    expect(qrFields(later.text)[3]).toBe(qrFields(renewed.text)[3]);
    await fixture.salon.scan(later.text);
    await host.waitForState(fixture.companyId, 'connected');
  });
});

describe('an account that requires a passkey', () => {
  it('is reported to the owner, shows no more codes and closes the socket after a while', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requirePasskey(fixture.salon, true);
    const host = fixture.host({ timeouts: { qrLifetimeMs: 300, passkeyTimeoutMs: 1_000 } });
    const { text } = await host.manager.generateQRForCompany(fixture.companyId);
    await expect(fixture.salon.scan(text)).rejects.toThrow('passkey');
    await host.waitForState(fixture.companyId, 'passkey_required');
    const shown = host.qrCodes.length;
    await waitFor('the socket to close', () => fixture.countEvents('disconnected') === 1);
    await waitFor('the lease to be released', () => fixture.leases.holder(fixture.companyId) === undefined);

    expect(host.qrCodes).toHaveLength(shown);
    expect(host.states).toEqual(['pairing', 'passkey_required']);
    expect(host.manager.getActiveSessions()).toEqual([]);
    await expect(host.credentials.companies()).resolves.toEqual([]);
  });

  it('can be paired again at once', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requirePasskey(fixture.salon, true);
    const host = fixture.host();
    const { text } = await host.manager.generateQRForCompany(fixture.companyId);
    await expect(fixture.salon.scan(text)).rejects.toThrow('passkey');
    await host.waitForState(fixture.companyId, 'passkey_required');
    await host.link(fixture.companyId, fixture.whatsapp.phone('79035556677'));
    expect(host.manager.getSessionStatus(fixture.companyId).phone).toBe('+79035556677');
    expect(host.states).toEqual(['pairing', 'passkey_required', 'pairing', 'connecting', 'connected']);
  });
});

/** `https://wa.me/…#ref,noise key,identity key,secret,platform` */
function qrFields(qrText: string): string[] {
  return qrText.slice(qrText.indexOf('#') + 1).split(',');
}
