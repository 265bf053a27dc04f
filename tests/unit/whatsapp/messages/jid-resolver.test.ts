import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { JidResolver, phoneToJid, jidToPhone } from '../../../../src/whatsapp/messages/jid-resolver.ts';

const phone = '+79165550001';
const jid = '79165550001@s.whatsapp.net';

type Answers = {
  stored?: string;
  exists?: { jid: string; exists: boolean }[] | undefined;
  lid?: string | null;
  silent?: boolean;
};

/** What Baileys would answer, and how often it was asked. */
function socketThatSays({ stored, exists, lid = null, silent = false }: Answers) {
  const asked = { onWhatsApp: 0, lid: 0 };
  const sock = {
    onWhatsApp: async () => {
      asked.onWhatsApp += 1;
      return silent ? new Promise(() => undefined) : exists;
    },
    signalRepository: {
      lidMapping: {
        getLIDForPN: async () => {
          asked.lid += 1;
          return lid;
        },
      },
    },
    authState: { keys: { get: async () => (stored === undefined ? {} : { '79165550001': stored }) } },
  } as unknown as WASocket;
  return { sock, asked };
}

describe('the address of a number', () => {
  const there = [{ jid, exists: true }];

  it('is the LID that WhatsApp has mapped to it', async () => {
    const { sock } = socketThatSays({ exists: there, lid: '998877@lid' });
    await expect(new JidResolver(50).resolve(sock, phone)).resolves.toBe('998877@lid');
  });

  it('is the phone address when there is no LID', async () => {
    const { sock } = socketThatSays({ exists: there });
    await expect(new JidResolver(50).resolve(sock, phone)).resolves.toBe(jid);
  });

  it('costs no query for a contact whose LID is stored', async () => {
    const { sock, asked } = socketThatSays({ stored: '998877' });
    await expect(new JidResolver(50).resolve(sock, phone)).resolves.toBe('998877@lid');
    expect(asked).toEqual({ onWhatsApp: 0, lid: 0 });
  });

  it('does not exist for a number that is not on WhatsApp, which is asked for once', async () => {
    const { sock, asked } = socketThatSays({ exists: [] });
    const addressing = new JidResolver(50);
    await expect(addressing.resolve(sock, phone)).resolves.toBeUndefined();
    await expect(addressing.resolve(sock, phone)).resolves.toBeUndefined();
    expect(asked.onWhatsApp).toBe(1);
  });

  it.each([
    ['that is not on WhatsApp is believed for an hour', [], 60],
    ['that is there is believed for a week', there, 7 * 24 * 60],
  ] as const)('of a number %s', async (_what, exists, minutes) => {
    let nowMs = 1_000;
    const { sock, asked } = socketThatSays({ exists: [...exists] });
    const addressing = new JidResolver(50, { now: () => nowMs });
    await addressing.resolve(sock, phone);
    nowMs += (minutes - 1) * 60_000;
    await addressing.resolve(sock, phone);
    expect(asked.onWhatsApp).toBe(1);
    nowMs += 2 * 60_000;
    await addressing.resolve(sock, phone);
    expect(asked.onWhatsApp).toBe(2);
  });

  it.each([{ exists: undefined }, { silent: true }])(
    'is the phone address when WhatsApp says %j',
    async (answers) => {
      const { sock, asked } = socketThatSays(answers);
      const addressing = new JidResolver(50);
      await expect(addressing.resolve(sock, phone)).resolves.toBe(jid);
      await addressing.resolve(sock, phone);
      expect(asked.onWhatsApp).toBe(2);
    },
  );
});

describe('numbers and addresses', () => {
  it('turn into each other', () => {
    expect(phoneToJid(phone)).toBe(jid);
    expect(jidToPhone('79165550001:12@s.whatsapp.net')).toBe(phone);
    expect(jidToPhone('998877@lid')).toBeUndefined();
    expect(jidToPhone(undefined)).toBeUndefined();
  });
});
