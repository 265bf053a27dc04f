import { randomBytes } from 'node:crypto';
import { jidNormalizedUser, proto, type WASocket } from '@whiskeysockets/baileys';
import { withTimeout } from '../../lib/async/with-timeout.ts';

const { PLACEHOLDER_MESSAGE_RESEND } = proto.Message.PeerDataOperationRequestType;

/** What WhatsApp sends unasked; the answers to pings and the acknowledgements of our own messages are not among it. */
const unsolicitedTags = ['message', 'receipt', 'notification', 'presence', 'chatstate', 'call'] as const;

/** Tells of every stanza that nobody had asked for. */
export function watchInboundStanzas(sock: WASocket, onStanza: () => void): void {
  for (const tag of unsolicitedTags) sock.ws.on(`CB:${tag}`, onStanza);
}

/** Whether WhatsApp answers a ping on this socket. */
export async function answersPing(sock: WASocket, timeoutMs: number): Promise<boolean> {
  const ping = { tag: 'iq', attrs: { to: '@s.whatsapp.net', type: 'get', xmlns: 'w:p' } };
  const response = sock.query({ ...ping, content: [{ tag: 'ping', attrs: {} }] }, timeoutMs);
  return (await withTimeout(response, timeoutMs).catch(() => undefined)) !== undefined;
}

/**
 * Makes something come back the way that messages come, if that way is open: the salon's phone is asked for a message that
 * it does not have, and confirms that it was asked. No chat shows any of it. A phone that is switched off stays silent too.
 * @returns whether WhatsApp answers queries on this socket
 * @throws what Baileys throws when the question could not be sent
 */
export async function probeInbound(sock: WASocket, queryTimeoutMs: number): Promise<boolean> {
  if (!(await answersPing(sock, queryTimeoutMs))) return false;
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
