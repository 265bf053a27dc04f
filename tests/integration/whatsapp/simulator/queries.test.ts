import { describe, expect, it } from 'vitest';

import { ask } from '../../../support/clients/raw-stanzas.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { WhatsAppWorld } from '../../../support/fixtures/whatsapp-fixture.ts';
import { child, stanza } from '../../../../dev-env/simulators/whatsapp/stanzas/nodes.ts';

const toServer = { to: '@s.whatsapp.net', type: 'get' };

describe('a silenced query', () => {
  it('is never answered, which a number check must not take for "not on WhatsApp"', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient({ defaultQueryTimeoutMs: 3000 });
    world.whatsapp.silenceQueries('usync', true);
    expect(await client.socket.onWhatsApp(world.guest.number)).toBeUndefined();
    expect(world.happened('query silenced')).toBe(1);
    expect(client.isOpen).toBe(true);

    world.whatsapp.silenceQueries('usync', false);
    expect(await client.socket.onWhatsApp(world.guest.number)).toEqual([
      { jid: world.guestJid, exists: true },
    ]);
  });

  it('may be of one kind and one account', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    const other = world.newClient();
    await other.linkTo(world.guest);
    world.whatsapp.silenceQueries('encrypt/key', true, world.owner);
    const digest = stanza('iq', { ...toServer, xmlns: 'encrypt' }, [stanza('digest')]);
    const keys = stanza('iq', { ...toServer, xmlns: 'encrypt' }, [
      stanza('key', {}, [stanza('user', { jid: `${world.owner.lid}@lid` })]),
    ]);

    await expect(ask(client, keys, 300)).rejects.toThrow('Timed Out');
    expect(child(await ask(client, digest), 'digest')).toBeDefined();
    const asked = await ask(other, { ...keys, attrs: { ...toServer, xmlns: 'encrypt' } });
    expect(child(asked, 'list')).toBeDefined();
    expect(world.whatsapp.log.find(({ type }) => type === 'query silenced')).toMatchObject({
      number: world.owner.number,
      xmlns: 'encrypt',
      content: 'key',
    });
  });

  it('for a pairing code leaves a code that no phone accepts', async () => {
    await using world = await WhatsAppWorld.start();
    world.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    const client = world.newClient();
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(world.owner.number);
    await waitFor('the query', () => world.happened('query silenced') === 1);

    await expect(world.owner.enterPairingCode(code)).rejects.toThrow('No device asks');
  });
});

describe('a limited query', () => {
  it('is refused with 429 and can be asked again later', async () => {
    await using world = await WhatsAppWorld.start();
    const client = await world.linkedClient();
    world.whatsapp.limitQueries('usync', true, world.owner);
    await expect(client.socket.onWhatsApp(world.guest.number)).rejects.toMatchObject({
      message: 'rate-overlimit',
      data: 429,
    });
    expect(world.happened('query limited')).toBe(1);

    world.whatsapp.limitQueries('usync', false, world.owner);
    expect(await client.socket.onWhatsApp(world.guest.number)).toHaveLength(1);
  });
});
