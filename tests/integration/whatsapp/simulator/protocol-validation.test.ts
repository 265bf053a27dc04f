import { randomBytes } from 'node:crypto';
import { Curve, generateSignalPubKey, initAuthCreds } from '@whiskeysockets/baileys';
import type { BinaryNode } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import type { BaileysClient } from '../../../../dev-env/clients/baileys-client.ts';
import {
  nodeBytes,
  child,
  children,
  decodeUint,
  stanza,
  encodeUint,
} from '../../../../dev-env/simulators/whatsapp/stanzas/nodes.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

const server = '@s.whatsapp.net';

function query(
  client: BaileysClient,
  attributes: Record<string, string>,
  content: BinaryNode[],
): Promise<BinaryNode> {
  return client.socket.query(stanza('iq', { to: server, ...attributes }, content));
}

describe('the simulated service', () => {
  it('refuses to register a device whose signed prekey is signed by another identity', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = fixture.newClient();
    Object.assign(client.creds, { signedPreKey: initAuthCreds().signedPreKey });
    client.connect();
    expect(await client.waitForClose()).toBe(400);
  });

  it('refuses a rotated prekey with an invalid signature and keeps the one it had', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const key = Curve.generateKeyPair();
    const rotate = (signature: Uint8Array): Promise<BinaryNode> =>
      query(client, { type: 'set', xmlns: 'encrypt' }, [
        stanza('rotate', {}, [
          stanza('skey', {}, [
            stanza('id', {}, encodeUint(7, 3)),
            stanza('value', {}, key.public),
            stanza('signature', {}, signature),
          ]),
        ]),
      ]);

    await expect(rotate(randomBytes(64))).rejects.toThrow('not-acceptable');
    const genuine = Curve.sign(client.creds.signedIdentityKey.private, generateSignalPubKey(key.public));
    expect((await rotate(genuine)).attrs['type']).toBe('result');
  });

  it('refuses a session setup from a device that does not prove its identity', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const enc = stanza('enc', { v: '2', type: 'pkmsg' }, randomBytes(64));
    await client.socket.sendNode(
      stanza('message', { id: 'AB12', to: fixture.guestJid, type: 'text' }, [
        stanza('participants', {}, [stanza('to', { jid: fixture.guestJid }, [enc])]),
      ]),
    );
    await waitFor('the refusal', () => client.acks.get('AB12') === '479');
    expect(fixture.guest.inbox).toEqual([]);
  });

  it('issues every one-time key once and requests more when few are left', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const uploaded = (): number[] =>
      fixture.whatsapp.log.flatMap((event) => (event.type === 'prekeys uploaded' ? [event.count] : []));
    expect(uploaded()).toEqual([812]);

    const users = Array.from({ length: 810 }, () => stanza('user', { jid: `${fixture.owner.lid}:1@lid` }));
    const answer = await query(client, { type: 'get', xmlns: 'encrypt' }, [stanza('key', {}, users)]);
    const ids = children(child(answer, 'list'), 'user').map((user) =>
      decodeUint(nodeBytes(child(child(user, 'key'), 'id'))),
    );
    expect(new Set(ids).size).toBe(810);
    await waitFor('more keys', () => uploaded().length === 2);
  });

  it('answers 404 for the keys of devices that do not exist', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const answer = await query(client, { type: 'get', xmlns: 'encrypt' }, [
      stanza('key', {}, [stanza('user', { jid: `${fixture.guest.lid}:3@lid` })]),
    ]);
    const user = child(child(answer, 'list'), 'user');
    expect(child(user, 'error')?.attrs['code']).toBe('404');
  });
});
