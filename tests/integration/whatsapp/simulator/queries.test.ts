import { describe, expect, it } from 'vitest';
import { child, stanza } from '../../../../dev-env/simulators/whatsapp/stanzas/nodes.ts';
import { waitFor } from '../../../../dev-env/wait-for.ts';
import { sendQuery } from '../../../support/clients/raw-stanzas.ts';
import { WhatsAppFixture } from '../../../support/fixtures/whatsapp/whatsapp-fixture.ts';

const toServer = { to: '@s.whatsapp.net', type: 'get' };

describe('a silenced query', () => {
  it('gets no response; a number check does not treat that as "not on WhatsApp"', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient({ defaultQueryTimeoutMs: 3000 });
    fixture.whatsapp.silenceQueries('usync', true);
    expect(await client.socket.onWhatsApp(fixture.guest.number)).toBeUndefined();
    expect(fixture.countEvents('query silenced')).toBe(1);
    expect(client.isOpen).toBe(true);

    fixture.whatsapp.silenceQueries('usync', false);
    expect(await client.socket.onWhatsApp(fixture.guest.number)).toEqual([
      { jid: fixture.guestJid, exists: true },
    ]);
  });

  it('can be limited to one kind and one account', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    const other = fixture.newClient();
    await other.linkTo(fixture.guest);
    fixture.whatsapp.silenceQueries('encrypt/key', true, fixture.owner);
    const digest = stanza('iq', { ...toServer, xmlns: 'encrypt' }, [stanza('digest')]);
    const keys = stanza('iq', { ...toServer, xmlns: 'encrypt' }, [
      stanza('key', {}, [stanza('user', { jid: `${fixture.owner.lid}@lid` })]),
    ]);

    await expect(sendQuery(client, keys, 300)).rejects.toThrow('Timed Out');
    expect(child(await sendQuery(client, digest), 'digest')).toBeDefined();
    const asked = await sendQuery(other, { ...keys, attrs: { ...toServer, xmlns: 'encrypt' } });
    expect(child(asked, 'list')).toBeDefined();
    expect(fixture.whatsapp.log.find(({ type }) => type === 'query silenced')).toMatchObject({
      number: fixture.owner.number,
      xmlns: 'encrypt',
      content: 'key',
    });
  });

  it('for a pairing code yields a code that no phone accepts', async () => {
    await using fixture = await WhatsAppFixture.start();
    fixture.whatsapp.silenceQueries('md/link_code_companion_reg', true);
    const client = fixture.newClient();
    client.connect();
    await client.nextQr();
    const code = await client.socket.requestPairingCode(fixture.owner.number);
    await waitFor('the query', () => fixture.countEvents('query silenced') === 1);

    await expect(fixture.owner.enterPairingCode(code)).rejects.toThrow('No device asks');
  });
});

describe('a limited query', () => {
  it('is refused with 429 and can be repeated later', async () => {
    await using fixture = await WhatsAppFixture.start();
    const client = await fixture.linkedClient();
    fixture.whatsapp.limitQueries('usync', true, fixture.owner);
    await expect(client.socket.onWhatsApp(fixture.guest.number)).rejects.toMatchObject({
      message: 'rate-overlimit',
      data: 429,
    });
    expect(fixture.countEvents('query limited')).toBe(1);

    fixture.whatsapp.limitQueries('usync', false, fixture.owner);
    expect(await client.socket.onWhatsApp(fixture.guest.number)).toHaveLength(1);
  });
});
