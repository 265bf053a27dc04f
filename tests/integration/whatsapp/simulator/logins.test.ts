import { DEFAULT_CONNECTION_CONFIG } from '@whiskeysockets/baileys';
import type { WAVersion } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';

import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';

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
  it.each(failures)('can be refused with $code and what belongs to it', async ({ code, attributes }) => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const other = world.newClient();
    await other.linkTo(world.guest);
    world.whatsapp.refuseLogins(code, attributes, world.owner);
    world.whatsapp.dropAll();
    expect([await client.closed(), await other.closed()]).toEqual([428, 428]);
    client.connect();
    other.connect();
    expect(await client.closed()).toBe(code);
    expect(client.closeData).toMatchObject({ reason: String(code), ...attributes });
    await other.opened();

    world.whatsapp.refuseLogins(undefined, {}, world.owner);
    client.connect();
    await client.opened();
    expect(client.qrCodes).toEqual([]);
  });
});

describe('a client version that has become too old', () => {
  it('gets no QR code until a newer one is announced', async () => {
    await using world = await WhatsAppWorld.start();
    world.whatsapp.requireClientVersion(newerVersion);
    const outdated = world.newClient();
    outdated.connect();
    expect(await outdated.closed()).toBe(405);
    expect(outdated.qrCodes).toEqual([]);
    expect(world.happened('registration refused')).toBe(1);

    const refreshed = world.newClient({ version: newerVersion });
    refreshed.connect();
    await world.owner.scan(await refreshed.nextQr());
    await refreshed.opened();
  });

  it('does not cost a linked device its link', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.whatsapp.requireClientVersion(newerVersion);
    world.owner.drop();
    expect(await client.closed()).toBe(428);
    client.connect();
    expect(await client.closed()).toBe(405);
    expect(world.whatsapp.log.find(({ type }) => type === 'login refused')).toMatchObject({ code: '405' });

    const refreshed = world.newClient({ version: newerVersion }, client);
    refreshed.connect();
    await refreshed.opened();
    expect(refreshed.qrCodes).toEqual([]);
    const login = world.whatsapp.log.findLast(({ type }) => type === 'login');
    expect(login).toMatchObject({ clientVersion: newerVersion.join('.') });
  });

  it('is a matter of numbers, not of letters', async () => {
    await using world = await WhatsAppWorld.start();
    world.whatsapp.requireClientVersion([primary, 999, 2_000_000_000]);
    const client = world.newClient();
    client.connect();
    expect(await client.nextQr()).toContain(',');
  });
});

describe('the stream of one account', () => {
  it.each([440, 500, 503])('can be ended with %i, and the device comes back', async (code) => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const other = world.newClient();
    await other.linkTo(world.guest);
    world.whatsapp.endStreams(world.owner, code);
    expect(await client.closed()).toBe(code);
    expect(other.isOpen).toBe(true);

    client.connect();
    await client.opened();
    await client.send(world.guestJid, 'Снова здесь');
    await world.guest.waitForMessage(({ text }) => text === 'Снова здесь');
  });

  it('can be ended with the order to restart', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const logins = world.happened('login');
    world.whatsapp.endStreams(world.owner, 515);
    await waitFor('the restart', () => world.happened('login') === logins + 1);
    await client.opened();
    expect(client.qrCodes).toEqual([]);
  });

  it('can be ended with 401, after which the device is linked no more', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.whatsapp.endStreams(world.owner, 401);
    expect(await client.closed()).toBe(401);
    expect(world.owner.linkedDevices).toEqual([]);

    client.connect();
    expect(await client.closed()).toBe(401);
    expect(client.closeData).toMatchObject({ reason: '401' });
  });
});
