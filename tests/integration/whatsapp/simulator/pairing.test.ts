import { randomBytes } from 'node:crypto';
import { type BinaryNode, Curve, initAuthCreds } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { nodeBytes, child, stanza } from '../../../../dev-env/simulators/whatsapp/stanzas/nodes.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { nextNotification } from '../../../support/clients/raw-stanzas.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

describe('linking by QR code', () => {
  it('opens the session after the scan and the restart (515), and sends the history', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();

    expect(client.creds.me?.id).toBe(`${fixture.owner.number}:1@s.whatsapp.net`);
    expect(client.creds.me?.lid).toBe(`${fixture.owner.lid}:1@lid`);
    expect(fixture.owner.linkedDevices).toEqual([1]);
    await waitFor('the history of the phone', () => client.historySyncs === 1);
    expect(fixture.whatsapp.log.filter(({ type }) => type === 'error' || type === 'unknown query')).toEqual(
      [],
    );
  });

  it('lets the device reconnect without a QR code', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await fixture.disconnect(client);

    const again = fixture.newClient({}, client);
    again.connect();
    await again.waitUntilOpen();
    expect(again.qrCodes).toEqual([]);
  });

  it('refuses an expired QR code and accepts the next one', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient({ qrTimeout: 150 });
    client.connect();
    const first = await client.nextQr();
    const second = await waitFor('the second QR code', () => client.qrCodes[1]);
    fixture.advanceClock(63_000);

    await expect(fixture.owner.scan(first)).rejects.toThrow('expired');
    await fixture.owner.scan(second);
    expect(fixture.owner.linkedDevices).toEqual([1]);
  });

  it('refuses a QR code that no device shows', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient();
    client.connect();
    const qr = await client.nextQr();
    await fixture.disconnect(client);

    await expect(fixture.owner.scan(qr)).rejects.toThrow('Unknown or expired QR code');
    await expect(fixture.owner.scan('https://example.com')).rejects.toThrow('not 32 bytes');
  });

  it('refuses a QR code with the keys of another device', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient();
    client.connect();
    const fields = (await client.nextQr()).split(',');
    fields[1] = Buffer.from(Curve.generateKeyPair().public).toString('base64');

    await expect(fixture.owner.scan(fields.join(','))).rejects.toThrow('not those of the device');
  });

  it('is refused by the device when the ADV secret is not from its QR code', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient();
    client.connect();
    const fields = (await client.nextQr()).split(',');
    fields[3] = randomBytes(32).toString('base64');

    await expect(fixture.owner.scan(fields.join(','))).rejects.toThrow('rejected the pairing');
    expect(await client.waitForClose()).toBe(500);
    expect(fixture.owner.linkedDevices).toEqual([]);
  });

  it('allows at most four devices', async () => {
    await using fixture = await WhatsAppFixture.start();
    for (const expected of [1, 2, 3, 4]) {
      const client = fixture.newClient();
      client.connect();
      await fixture.owner.scan(await client.nextQr());
      expect(fixture.owner.linkedDevices).toContain(expected);
    }
    const fifth = fixture.newClient();
    fifth.connect();
    await expect(fixture.owner.scan(await fifth.nextQr())).rejects.toThrow('No more than 4');
  });

  it('can require a new ADV secret after the first scan', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.requireSecretRefresh(fixture.owner, true);
    const client = fixture.newClient();
    client.connect();
    const qr = await client.nextQr();
    const demanded = nextNotification(client, 'companion_reg_refresh');

    await expect(fixture.owner.scan(qr)).rejects.toThrow('must refresh its ADV secret');
    await demanded;
    await expect(fixture.owner.scan(qr)).rejects.toThrow('retired');
    client.creds.advSecretKey = randomBytes(32).toString('base64');
    const fields = qr.split(',');
    await fixture.owner.scan(
      [...fields.slice(0, 3), client.creds.advSecretKey, ...fields.slice(4)].join(','),
    );
    await client.waitUntilOpen();
    expect(fixture.owner.linkedDevices).toEqual([1]);
  });

  it('can require a new ADV secret by the other stanza, which is acknowledged', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.requireSecretRefresh(fixture.owner, true, 'pair-device-rotate-qr');
    const client = fixture.newClient();
    client.connect();
    const qr = await client.nextQr();
    const demanded = nextNotification(client, 'companion_reg_refresh');
    await expect(fixture.owner.scan(qr)).rejects.toThrow('must refresh its ADV secret');
    const { attrs, content } = await demanded;
    expect(content).toEqual([stanza('pair-device-rotate-qr')]);

    const ack = { id: attrs['id'], to: attrs['from'], class: 'notification', type: attrs['type'] };
    await client.socket.sendNode(stanza('ack', ack));
    await waitFor('the acknowledgement', () =>
      fixture.whatsapp.log.some(
        (event) => event.type === 'notification acknowledged' && event.kind === 'companion_reg_refresh',
      ),
    );
  });

  it.each([
    ['passkey_prologue_request', 'passkey_request_options'],
    ['crsc_continuation', 'primary_ephemeral_identity'],
  ] as const)('can demand a passkey with %s', async (step, part) => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.requirePasskey(fixture.owner, true, step);
    const client = fixture.newClient();
    client.connect();
    const qr = await client.nextQr();
    const demanded = nextNotification(client, step);

    await expect(fixture.owner.scan(qr)).rejects.toThrow('passkey');
    expect(nodeBytes(child(await demanded, part)).length).toBeGreaterThan(0);
    expect(fixture.owner.linkedDevices).toEqual([]);

    fixture.whatsapp.requirePasskey(fixture.owner, false);
    await fixture.owner.scan(qr);
    await client.waitUntilOpen();
  });
});

describe('linking by pairing code', () => {
  it('opens the session after the code was entered on the phone', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient();
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(fixture.owner.number);
    await waitFor('the code to be known', async () => fixture.owner.enterPairingCode(code).then(() => true));

    await client.waitUntilOpen();
    expect(client.creds.registered).toBe(true);
    expect(fixture.owner.linkedDevices).toEqual([1]);
  });

  it('can require a passkey after the code was accepted', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.requirePasskey(fixture.owner, true);
    const client = fixture.newClient();
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(fixture.owner.number);
    const demanded = nextNotification(client, 'passkey_prologue_request');

    await expect(fixture.owner.enterPairingCode(code)).rejects.toThrow('passkey');
    await demanded;
    expect(fixture.owner.linkedDevices).toEqual([]);
  });

  it('refuses a wrong code', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient();
    client.connect();
    await client.nextQr();
    await client.socket.requestPairingCode(fixture.owner.number, 'AAAAAAAA');

    await expect(fixture.owner.enterPairingCode('BBBB-BBBB')).rejects.toThrow('The code is wrong');
    expect(fixture.owner.linkedDevices).toEqual([]);
  });

  it('can refuse a code that is already shown and send an empty notification', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient();
    client.connect();
    await client.nextQr();
    fixture.whatsapp.refusePairingCodes(400);
    const answer = (event: string): Promise<BinaryNode> =>
      new Promise((resolve) => {
        client.socket.ws.once(event, resolve);
      });
    const refusal = answer('CB:iq,type:error');
    const refused = await client.socket.requestPairingCode(fixture.owner.number);
    expect((await refusal).content).toMatchObject([{ tag: 'error', attrs: { code: '400' } }]);
    await expect(fixture.owner.enterPairingCode(refused)).rejects.toThrow('No device asks');

    fixture.whatsapp.refusePairingCodes(undefined);
    const agreement = answer('CB:iq,,link_code_companion_reg');
    const code = await client.socket.requestPairingCode(fixture.owner.number);
    await agreement;
    const noticed = nextNotification(client, 'link_code_companion_reg');
    fixture.whatsapp.sendIncompleteCodeNotice(fixture.owner);
    await noticed;
    await fixture.owner.enterPairingCode(code);
    await client.waitUntilOpen();
  });

  it('refuses a device name that no browser has', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient({ browser: ['Acme', 'Chrome', '1.0'] });
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(fixture.owner.number);

    await expect(fixture.owner.enterPairingCode(code)).rejects.toThrow('No device asks');
  });
});

describe('logging in', () => {
  it('is refused with 401 for a device with another noise key', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await fixture.disconnect(client);
    Object.assign(client.creds, { noiseKey: initAuthCreds().noiseKey });

    const impostor = fixture.newClient({}, client);
    impostor.connect();
    expect(await impostor.waitForClose()).toBe(401);
  });

  it('ends the older connection of the same device with 440', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const second = fixture.newClient({}, client);
    second.connect();
    await second.waitUntilOpen();

    expect(await client.waitForClose()).toBe(440);
    expect(second.isOpen).toBe(true);
  });

  it('is refused with 401 after the phone has removed the device', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.owner.removeDevice(1);
    expect(await client.waitForClose()).toBe(401);

    const again = fixture.newClient({}, client);
    again.connect();
    expect(await again.waitForClose()).toBe(401);
    expect(fixture.owner.linkedDevices).toEqual([]);
  });

  it('is refused with 401 after the device has logged out', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await client.socket.logout();
    expect(await client.waitForClose()).toBe(401);
    await waitFor('the logout', () => fixture.whatsapp.log.some(({ type }) => type === 'logout'));
    expect(fixture.owner.linkedDevices).toEqual([]);
  });

  it.each([403, 405, 503])('is refused with %i while the service does so', async (code) => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    await fixture.disconnect(client);
    fixture.whatsapp.refuseLogins(code);
    const refused = fixture.newClient({}, client);
    refused.connect();
    expect(await refused.waitForClose()).toBe(code);

    fixture.whatsapp.refuseLogins(undefined);
    refused.connect();
    await refused.waitUntilOpen();
  });
});
