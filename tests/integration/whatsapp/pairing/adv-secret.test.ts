import { describe, expect, it } from 'vitest';
import { SessionFixture } from '../../../support/fixtures/session-fixture.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';

describe('a phone that wants a new secret before it links', () => {
  it('gets a code with another secret at once, that lives no longer than the one before, and links by it', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requireSecretRefresh(fixture.salon, true);
    const host = fixture.host();
    const shown = await host.manager.generateQRForCompany(fixture.companyId);
    await expect(fixture.salon.scan(shown.text)).rejects.toThrow('must refresh its ADV secret');

    const renewed = await waitFor('the new code', () => host.qrCodes[1]);
    expect(fieldsOf(renewed.text).toSpliced(3, 1)).toEqual(fieldsOf(shown.text).toSpliced(3, 1));
    expect(fieldsOf(renewed.text)[3]).not.toBe(fieldsOf(shown.text)[3]);
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

  it('finds that secret in every code that comes later, too', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requireSecretRefresh(fixture.salon, true);
    const host = fixture.host({ timeouts: { qrLifetimeMs: 500 } });
    const shown = await host.manager.generateQRForCompany(fixture.companyId);
    await expect(fixture.salon.scan(shown.text)).rejects.toThrow('must refresh its ADV secret');

    const renewed = await waitFor('the new code', () => host.qrCodes[1]);
    const later = await waitFor('the code after it', () => host.qrCodes[2]);
    expect(fieldsOf(later.text)[0]).not.toBe(fieldsOf(renewed.text)[0]);
    expect(fieldsOf(later.text)[3]).toBe(fieldsOf(renewed.text)[3]);
    await fixture.salon.scan(later.text);
    await host.waitForState(fixture.companyId, 'connected');
  });
});

describe('an account that cannot be linked without a passkey', () => {
  it('is told to the owner, shows no more codes, and gives the socket up after a while', async () => {
    await using fixture = await SessionFixture.start();
    fixture.whatsapp.requirePasskey(fixture.salon, true);
    const host = fixture.host({ timeouts: { qrLifetimeMs: 300, passkeyTimeoutMs: 1_000 } });
    const { text } = await host.manager.generateQRForCompany(fixture.companyId);
    await expect(fixture.salon.scan(text)).rejects.toThrow('passkey');
    await host.waitForState(fixture.companyId, 'passkey_required');
    const shown = host.qrCodes.length;
    await waitFor('the socket to close', () => fixture.countEvents('disconnected') === 1);
    await waitFor('the lease to be given back', () => fixture.leases.holder(fixture.companyId) === undefined);

    expect(host.qrCodes).toHaveLength(shown);
    expect(host.states).toEqual(['pairing', 'passkey_required']);
    expect(host.manager.getActiveSessions()).toEqual([]);
    await expect(host.credentials.companies()).resolves.toEqual([]);
  });

  it('may be tried again at once by whoever asks', async () => {
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
function fieldsOf(qrText: string): string[] {
  return qrText.slice(qrText.indexOf('#') + 1).split(',');
}
