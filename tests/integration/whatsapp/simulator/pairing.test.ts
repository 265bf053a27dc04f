import { randomBytes } from 'node:crypto';

import { type BinaryNode, Curve, initAuthCreds } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';

import { nextNotification } from '../../../support/clients/raw-stanzas.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';
import { bytesOf, child, stanza } from '../../../../dev-env/simulators/whatsapp/stanzas/nodes.ts';

describe('linking by QR code', () => {
  it('opens the account after the scan and the ordered restart, and sends the history', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();

    expect(client.creds.me?.id).toBe(`${world.owner.number}:1@s.whatsapp.net`);
    expect(client.creds.me?.lid).toBe(`${world.owner.lid}:1@lid`);
    expect(world.owner.linkedDevices).toEqual([1]);
    await waitFor('the history of the phone', () => client.historySyncs === 1);
    expect(world.whatsapp.log.filter(({ type }) => type === 'error' || type === 'unknown query')).toEqual([]);
  });

  it('lets the device come back without a QR code', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await world.leave(client);

    const again = world.newClient({}, client);
    again.connect();
    await again.opened();
    expect(again.qrCodes).toEqual([]);
  });

  it('refuses a QR code that has expired, and takes the next one', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient({ qrTimeout: 150 });
    client.connect();
    const first = await client.nextQr();
    const second = await waitFor('the second QR code', () => client.qrCodes[1]);
    world.advanceClock(63_000);

    await expect(world.owner.scan(first)).rejects.toThrow('expired');
    await world.owner.scan(second);
    expect(world.owner.linkedDevices).toEqual([1]);
  });

  it('refuses a QR code that no device shows', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient();
    client.connect();
    const qr = await client.nextQr();
    await world.leave(client);

    await expect(world.owner.scan(qr)).rejects.toThrow('No device shows this QR code');
    await expect(world.owner.scan('https://example.com')).rejects.toThrow('not 32 bytes');
  });

  it('refuses a QR code with the keys of another device', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient();
    client.connect();
    const fields = (await client.nextQr()).split(',');
    fields[1] = Buffer.from(Curve.generateKeyPair().public).toString('base64');

    await expect(world.owner.scan(fields.join(','))).rejects.toThrow('not those of the device');
  });

  it('is refused by the device when the secret of the QR code is not its own', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient();
    client.connect();
    const fields = (await client.nextQr()).split(',');
    fields[3] = randomBytes(32).toString('base64');

    await expect(world.owner.scan(fields.join(','))).rejects.toThrow('refused the link');
    expect(await client.closed()).toBe(500);
    expect(world.owner.linkedDevices).toEqual([]);
  });

  it('allows four devices and no fifth', async () => {
    await using world = await WhatsAppWorld.start();
    for (const expected of [1, 2, 3, 4]) {
      const client = world.newClient();
      client.connect();
      await world.owner.scan(await client.nextQr());
      expect(world.owner.linkedDevices).toContain(expected);
    }
    const fifth = world.newClient();
    fifth.connect();
    await expect(world.owner.scan(await fifth.nextQr())).rejects.toThrow('No more than 4');
  });

  it('can demand a new secret after the first scan', async () => {
    await using world = await WhatsAppWorld.start();
    world.whatsapp.requireSecretRefresh(world.owner, true);
    const client = world.newClient();
    client.connect();
    const qr = await client.nextQr();
    const demanded = nextNotification(client, 'companion_reg_refresh');

    await expect(world.owner.scan(qr)).rejects.toThrow('must replace the secret');
    await demanded;
    await expect(world.owner.scan(qr)).rejects.toThrow('retired');
    client.creds.advSecretKey = randomBytes(32).toString('base64');
    const fields = qr.split(',');
    await world.owner.scan([...fields.slice(0, 3), client.creds.advSecretKey, ...fields.slice(4)].join(','));
    await client.opened();
    expect(world.owner.linkedDevices).toEqual([1]);
  });

  it('can demand a new secret in other words, and sees it acknowledged', async () => {
    await using world = await WhatsAppWorld.start();
    world.whatsapp.requireSecretRefresh(world.owner, true, 'pair-device-rotate-qr');
    const client = world.newClient();
    client.connect();
    const qr = await client.nextQr();
    const demanded = nextNotification(client, 'companion_reg_refresh');
    await expect(world.owner.scan(qr)).rejects.toThrow('must replace the secret');
    const { attrs, content } = await demanded;
    expect(content).toEqual([stanza('pair-device-rotate-qr')]);

    const ack = { id: attrs['id'], to: attrs['from'], class: 'notification', type: attrs['type'] };
    await client.socket.sendNode(stanza('ack', ack));
    await waitFor('the acknowledgement', () =>
      world.whatsapp.log.some(
        (event) => event.type === 'notification acknowledged' && event.kind === 'companion_reg_refresh',
      ),
    );
  });

  it.each([
    ['passkey_prologue_request', 'passkey_request_options'],
    ['crsc_continuation', 'primary_ephemeral_identity'],
  ] as const)('can demand a passkey with %s', async (step, part) => {
    await using world = await WhatsAppWorld.start();
    world.whatsapp.requirePasskey(world.owner, true, step);
    const client = world.newClient();
    client.connect();
    const qr = await client.nextQr();
    const demanded = nextNotification(client, step);

    await expect(world.owner.scan(qr)).rejects.toThrow('passkey');
    expect(bytesOf(child(await demanded, part)).length).toBeGreaterThan(0);
    expect(world.owner.linkedDevices).toEqual([]);

    world.whatsapp.requirePasskey(world.owner, false);
    await world.owner.scan(qr);
    await client.opened();
  });
});

describe('linking by pairing code', () => {
  it('opens the account after the code was typed on the phone', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient();
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(world.owner.number);
    await waitFor('the code to be known', async () => world.owner.enterPairingCode(code).then(() => true));

    await client.opened();
    expect(client.creds.registered).toBe(true);
    expect(world.owner.linkedDevices).toEqual([1]);
  });

  it('can demand a passkey after the code was accepted', async () => {
    await using world = await WhatsAppWorld.start();
    world.whatsapp.requirePasskey(world.owner, true);
    const client = world.newClient();
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(world.owner.number);
    const demanded = nextNotification(client, 'passkey_prologue_request');

    await expect(world.owner.enterPairingCode(code)).rejects.toThrow('passkey');
    await demanded;
    expect(world.owner.linkedDevices).toEqual([]);
  });

  it('refuses a wrong code', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient();
    client.connect();
    await client.nextQr();
    await client.socket.requestPairingCode(world.owner.number, 'AAAAAAAA');

    await expect(world.owner.enterPairingCode('BBBB-BBBB')).rejects.toThrow('The code is wrong');
    expect(world.owner.linkedDevices).toEqual([]);
  });

  it('can refuse a code that the client has shown already, and send a notice with nothing in it', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient();
    client.connect();
    await client.nextQr();
    world.whatsapp.refusePairingCodes(400);
    const answer = (event: string): Promise<BinaryNode> =>
      new Promise((resolve) => {
        client.socket.ws.once(event, resolve);
      });
    const refusal = answer('CB:iq,type:error');
    const refused = await client.socket.requestPairingCode(world.owner.number);
    expect((await refusal).content).toMatchObject([{ tag: 'error', attrs: { code: '400' } }]);
    await expect(world.owner.enterPairingCode(refused)).rejects.toThrow('No device asks');

    world.whatsapp.refusePairingCodes(undefined);
    const agreement = answer('CB:iq,,link_code_companion_reg');
    const code = await client.socket.requestPairingCode(world.owner.number);
    await agreement;
    const noticed = nextNotification(client, 'link_code_companion_reg');
    world.whatsapp.sendIncompleteCodeNotice(world.owner);
    await noticed;
    await world.owner.enterPairingCode(code);
    await client.opened();
  });

  it('refuses a device name that no browser has', async () => {
    await using world = await WhatsAppWorld.start();
    const client = world.newClient({ browser: ['Acme', 'Chrome', '1.0'] });
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(world.owner.number);

    await expect(world.owner.enterPairingCode(code)).rejects.toThrow('No device asks');
  });
});

describe('logging in', () => {
  it('is refused with 401 to a device with another noise key', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await world.leave(client);
    Object.assign(client.creds, { noiseKey: initAuthCreds().noiseKey });

    const impostor = world.newClient({}, client);
    impostor.connect();
    expect(await impostor.closed()).toBe(401);
  });

  it('puts the older connection of the same device out with 440', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const second = world.newClient({}, client);
    second.connect();
    await second.opened();

    expect(await client.closed()).toBe(440);
    expect(second.isOpen).toBe(true);
  });

  it('is refused with 401 after the phone has removed the device', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.owner.removeDevice(1);
    expect(await client.closed()).toBe(401);

    const again = world.newClient({}, client);
    again.connect();
    expect(await again.closed()).toBe(401);
    expect(world.owner.linkedDevices).toEqual([]);
  });

  it('is refused with 401 after the device has logged out', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await client.socket.logout();
    expect(await client.closed()).toBe(401);
    await waitFor('the logout', () => world.whatsapp.log.some(({ type }) => type === 'logout'));
    expect(world.owner.linkedDevices).toEqual([]);
  });

  it.each([403, 405, 503])('is refused with %i while the service does so', async (code) => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    await world.leave(client);
    world.whatsapp.refuseLogins(code);
    const refused = world.newClient({}, client);
    refused.connect();
    expect(await refused.closed()).toBe(code);

    world.whatsapp.refuseLogins(undefined);
    refused.connect();
    await refused.opened();
  });
});
