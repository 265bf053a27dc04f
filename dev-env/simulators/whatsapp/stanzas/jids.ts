import { jidDecode, jidEncode } from '@whiskeysockets/baileys';

/** Addressing by phone number (`@s.whatsapp.net`) or by hidden identity (`@lid`). */
export type Addressing = 'pn' | 'lid';

export type DeviceJid = Readonly<{ user: string; device: number; addressing: Addressing }>;

/** Undefined for groups, broadcasts, the server itself and anything that is not an address. */
export function parseJid(jid: string | undefined): DeviceJid | undefined {
  const decoded = jidDecode(jid);
  if (decoded === undefined || decoded.user === '') return undefined;
  if (decoded.server !== 's.whatsapp.net' && decoded.server !== 'lid') return undefined;
  return {
    user: decoded.user,
    device: decoded.device ?? 0,
    addressing: decoded.server === 'lid' ? 'lid' : 'pn',
  };
}

/** Device 0 is the phone and carries no device suffix. */
export function formatJid(
  person: Readonly<{ number: string; lid: string }>,
  addressing: Addressing,
  device = 0,
): string {
  return addressing === 'lid'
    ? jidEncode(person.lid, 'lid', device)
    : jidEncode(person.number, 's.whatsapp.net', device);
}
