import { randomBytes } from 'node:crypto';
import { jidNormalizedUser, proto, type WASocket } from '@whiskeysockets/baileys';
import { withTimeout } from '../../lib/async/with-timeout.ts';

const { PLACEHOLDER_MESSAGE_RESEND } = proto.Message.PeerDataOperationRequestType;

/** Excludes `iq` (ping responses) and `ack` (acknowledgements of our own messages). */
const unsolicitedTags = ['message', 'receipt', 'notification', 'presence', 'chatstate', 'call'] as const;

/** Calls back for each stanza that is not a response to one of ours. */
export function watchInboundStanzas(sock: WASocket, onStanza: () => void): void {
  for (const tag of unsolicitedTags) sock.ws.on(`CB:${tag}`, onStanza);
}

/** @returns whether WhatsApp answered within the timeout */
export async function ping(sock: WASocket, timeoutMs: number): Promise<boolean> {
  const request = { tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' } };
  const response = sock.query({ ...request, content: [{ tag: 'ping', attrs: {} }] }, timeoutMs);
  return (await withTimeout(response, timeoutMs).catch(() => undefined)) !== undefined;
}

/**
 * Provokes an inbound stanza: requests a message that does not exist from the salon's phone, which sends a receipt for the
 * request. No chat shows the exchange. A phone that is switched off sends no receipt.
 * @returns whether WhatsApp answered a ping; if not, the request was not sent
 * @throws what Baileys throws when sending fails
 */
export async function sendProbe(sock: WASocket, queryTimeoutMs: number): Promise<boolean> {
  if (!(await ping(sock, queryTimeoutMs))) return false;
  const messageKey = {
    remoteJid: jidNormalizedUser(sock.authState.creds.me?.id),
    fromMe: true,
    id: randomBytes(10).toString('hex').toUpperCase(),
  };
  await withTimeout(
    sock.sendPeerDataOperationMessage({
      placeholderMessageResendRequest: [{ messageKey }],
      peerDataOperationRequestType: PLACEHOLDER_MESSAGE_RESEND,
    }),
    queryTimeoutMs,
  );
  return true;
}
