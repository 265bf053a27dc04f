import type { WASocket } from '@whiskeysockets/baileys';
import { describe, expect, it } from 'vitest';
import { JidResolver, phoneToJid, jidToPhone } from '../../../../src/whatsapp/messages/jid-resolver.ts';

const phone = '+79165550001';
const jid = '79165550001@s.whatsapp.net';

type Responses = {
  stored?: string;
  exists?: { jid: string; exists: boolean }[] | undefined;
  lid?: string | null;
  silent?: boolean;
};

/** A socket with fixed responses that counts its queries. */
function createSocket({ stored, exists, lid = null, silent = false }: Responses) {
  const queries = { onWhatsApp: 0, lid: 0 };
  const sock = {
    onWhatsApp: async () => {
      queries.onWhatsApp += 1;
      return silent ? new Promise(() => undefined) : exists;
    },
    signalRepository: {
      lidMapping: {
        getLIDForPN: async () => {
          queries.lid += 1;
          return lid;
        },
      },
    },
    authState: { keys: { get: async () => (stored === undefined ? {} : { '79165550001': stored }) } },
  } as unknown as WASocket;
  return { sock, queries };
}

describe('JidResolver.resolve', () => {
  const registered = [{ jid, exists: true }];

  it('returns the LID of the number', async () => {
    const { sock } = createSocket({ exists: registered, lid: '998877@lid' });
    await expect(new JidResolver(50).resolve(sock, phone)).resolves.toBe('998877@lid');
  });

  it('returns the phone JID when there is no LID', async () => {
    const { sock } = createSocket({ exists: registered });
    await expect(new JidResolver(50).resolve(sock, phone)).resolves.toBe(jid);
  });

  it('sends no query for a stored LID', async () => {
    const { sock, queries } = createSocket({ stored: '998877' });
    await expect(new JidResolver(50).resolve(sock, phone)).resolves.toBe('998877@lid');
    expect(queries).toEqual({ onWhatsApp: 0, lid: 0 });
  });

  it('returns undefined for a number that is not on WhatsApp, with one query', async () => {
    const { sock, queries } = createSocket({ exists: [] });
    const resolver = new JidResolver(50);
    await expect(resolver.resolve(sock, phone)).resolves.toBeUndefined();
    await expect(resolver.resolve(sock, phone)).resolves.toBeUndefined();
    expect(queries.onWhatsApp).toBe(1);
  });

  it.each([
    ['1 hour when it is not on WhatsApp', [], 60],
    ['7 days when it is on WhatsApp', registered, 7 * 24 * 60],
  ] as const)('caches a number for %s', async (_what, exists, minutes) => {
    let nowMs = 1_000;
    const { sock, queries } = createSocket({ exists: [...exists] });
    const resolver = new JidResolver(50, () => nowMs);
    await resolver.resolve(sock, phone);
    nowMs += (minutes - 1) * 60_000;
    await resolver.resolve(sock, phone);
    expect(queries.onWhatsApp).toBe(1);
    nowMs += 2 * 60_000;
    await resolver.resolve(sock, phone);
    expect(queries.onWhatsApp).toBe(2);
  });

  it.each([{ exists: undefined }, { silent: true }])(
    'returns the phone JID and caches nothing for the response %j',
    async (responses) => {
      const { sock, queries } = createSocket(responses);
      const resolver = new JidResolver(50);
      await expect(resolver.resolve(sock, phone)).resolves.toBe(jid);
      await resolver.resolve(sock, phone);
      expect(queries.onWhatsApp).toBe(2);
    },
  );
});

describe('phone numbers and JIDs', () => {
  it('convert to each other', () => {
    expect(phoneToJid(phone)).toBe(jid);
    expect(jidToPhone('79165550001:12@s.whatsapp.net')).toBe(phone);
    expect(jidToPhone('998877@lid')).toBeUndefined();
    expect(jidToPhone(undefined)).toBeUndefined();
  });
});
