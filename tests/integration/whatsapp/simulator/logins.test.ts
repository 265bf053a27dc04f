import { DEFAULT_CONNECTION_CONFIG } from '@whiskeysockets/baileys';
import type { WAVersion } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

const failures = [
  { code: 401, attributes: {} },
  { code: 402, attributes: { code: '101', expire: '86400' } },
  {
    code: 403,
    attributes: { logout_message_header: 'Locked', logout_message_subtext: 'Look at your phone' },
  },
  { code: 405, attributes: {} },
  { code: 406, attributes: {} },
  { code: 411, attributes: {} },
];

const [primary, secondary, tertiary] = DEFAULT_CONNECTION_CONFIG.version;
const newerVersion: WAVersion = [primary, secondary, tertiary + 1];

describe('the logins of one account', () => {
  it.each(failures)('can be refused with $code and its attributes', async ({ code, attributes }) => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const other = fixture.newClient();
    await other.linkTo(fixture.guest);
    fixture.whatsapp.refuseLogins(code, attributes, fixture.owner);
    fixture.whatsapp.dropAll();
    expect([await client.waitForClose(), await other.waitForClose()]).toEqual([428, 428]);
    client.connect();
    other.connect();
    expect(await client.waitForClose()).toBe(code);
    expect(client.closeData).toMatchObject({ reason: String(code), ...attributes });
    await other.waitUntilOpen();

    fixture.whatsapp.refuseLogins(undefined, {}, fixture.owner);
    client.connect();
    await client.waitUntilOpen();
    expect(client.qrCodes).toEqual([]);
  });
});

describe('an outdated client version', () => {
  it('gets no QR code until a newer one is announced', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.requireClientVersion(newerVersion);
    const outdated = fixture.newClient();
    outdated.connect();
    expect(await outdated.waitForClose()).toBe(405);
    expect(outdated.qrCodes).toEqual([]);
    expect(fixture.countEvents('registration refused')).toBe(1);

    const refreshed = fixture.newClient({ version: newerVersion });
    refreshed.connect();
    await fixture.owner.scan(await refreshed.nextQr());
    await refreshed.waitUntilOpen();
  });

  it('does not unlink a device', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.requireClientVersion(newerVersion);
    fixture.owner.drop();
    expect(await client.waitForClose()).toBe(428);
    client.connect();
    expect(await client.waitForClose()).toBe(405);
    expect(fixture.whatsapp.log.find(({ type }) => type === 'login refused')).toMatchObject({ code: '405' });

    const refreshed = fixture.newClient({ version: newerVersion }, client);
    refreshed.connect();
    await refreshed.waitUntilOpen();
    expect(refreshed.qrCodes).toEqual([]);
    const login = fixture.whatsapp.log.findLast(({ type }) => type === 'login');
    expect(login).toMatchObject({ clientVersion: newerVersion.join('.') });
  });

  it('is compared numerically', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.requireClientVersion([primary, 999, 2_000_000_000]);
    const client = fixture.newClient();
    client.connect();
    expect(await client.nextQr()).toContain(',');
  });
});

describe('the stream of one account', () => {
  it.each([440, 500, 503])('can be ended with %i; the device reconnects', async (code) => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const other = fixture.newClient();
    await other.linkTo(fixture.guest);
    fixture.whatsapp.endStreams(fixture.owner, code);
    expect(await client.waitForClose()).toBe(code);
    expect(other.isOpen).toBe(true);

    client.connect();
    await client.waitUntilOpen();
    await client.send(fixture.guestJid, 'Снова здесь');
    await fixture.guest.waitForMessage(({ text }) => text === 'Снова здесь');
  });

  it('can be ended with 515 (restart required)', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const logins = fixture.countEvents('login');
    fixture.whatsapp.endStreams(fixture.owner, 515);
    await waitFor('the restart', () => fixture.countEvents('login') === logins + 1);
    await client.waitUntilOpen();
    expect(client.qrCodes).toEqual([]);
  });

  it('can be ended with 401, which unlinks the device', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.endStreams(fixture.owner, 401);
    expect(await client.waitForClose()).toBe(401);
    expect(fixture.owner.linkedDevices).toEqual([]);

    client.connect();
    expect(await client.waitForClose()).toBe(401);
    expect(client.closeData).toMatchObject({ reason: '401' });
  });
});
