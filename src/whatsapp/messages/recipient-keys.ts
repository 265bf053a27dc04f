import { areJidsSameUser, isLidUser, jidNormalizedUser, type WASocket } from '@whiskeysockets/baileys';

/** WhatsApp knows no device that could read a message to this address. */
export class NoDeviceError extends Error {
  override readonly name = 'NoDeviceError';
}

/**
 * Asks WhatsApp for everything that sending to an address needs, so that sending itself only encrypts and writes. Left to
 * itself, Baileys asks while it sends: it waits a minute for an answer, and without one writes a message to nobody.
 * @throws NoDeviceError, or what the query or the store throws
 */
export async function ensureSignalSessions(sock: WASocket, jid: string): Promise<void> {
  const { id = '', lid } = sock.authState.creds.me ?? {};
  const ownJid = jidNormalizedUser(isLidUser(jid) === true && lid !== undefined ? lid : id);
  const devices = (await sock.getUSyncDevices([ownJid, jid], true, false)).map((device) => device.jid);
  if (!devices.some((device) => areJidsSameUser(device, jid)))
    throw new NoDeviceError('WhatsApp named no device of the recipient');
  await sock.assertSessions(devices.filter((device) => device !== id && device !== lid));
}
