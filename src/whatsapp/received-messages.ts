import {
  isLidUser,
  isPnUser,
  normalizeMessageContent,
  type proto,
  type WAMessage,
  type WAMessageKey,
  type WASocket,
} from '@whiskeysockets/baileys';
import { guarded } from '../lib/guarded.ts';
import { phoneOfJid } from './addressing.ts';

export type ReceivedMessage = Readonly<{
  whatsappMessageId: string;
  /** E.164 with `+`. */
  phone: string;
  text: string;
}>;

/** What waited longer at WhatsApp is no answer to anything any more. */
const oldestMs = 24 * 60 * 60 * 1_000;

/**
 * Reports texts from private chats. Nothing is marked as read: the chat stays unread on the owner's phone. Messages of
 * groups, of our own devices, of the history and without text are none of our business.
 */
export function watchReceived(
  sock: WASocket,
  options: Readonly<{
    now: () => Date;
    report: (message: ReceivedMessage) => void;
    /** An address that could not be looked up. */
    failed: (error: unknown) => void;
  }>,
): void {
  const tell = guarded(options.failed, async (key: WAMessageKey, whatsappMessageId: string, text: string) => {
    const phone = await phoneOf(sock, key);
    if (phone !== undefined) options.report({ whatsappMessageId, phone, text });
  });
  sock.ev.on('messages.upsert', ({ type, messages }) => {
    if (type !== 'notify') return;
    for (const message of messages) {
      const text = textOf(message.message);
      const id = message.key.id ?? undefined;
      if (text === undefined || id === undefined || message.key.fromMe === true) continue;
      if (options.now().getTime() - sentAtMs(message) > oldestMs) continue;
      tell(message.key, id, text);
    }
  });
}

function textOf(content: proto.IMessage | null | undefined): string | undefined {
  const inner = normalizeMessageContent(content);
  const text = inner?.conversation ?? inner?.extendedTextMessage?.text ?? '';
  return text.trim() === '' ? undefined : text;
}

function sentAtMs({ messageTimestamp }: WAMessage): number {
  return Number(messageTimestamp ?? 0) * 1_000;
}

/** People are addressed by number or by LID; the other one comes beside it, or was learned before. */
async function phoneOf(sock: WASocket, key: WAMessageKey): Promise<string | undefined> {
  const jids = [key.remoteJid ?? undefined, key.remoteJidAlt];
  const own = jids.find((jid) => jid !== undefined && isPnUser(jid) === true);
  if (own !== undefined) return phoneOfJid(own);
  const lid = jids.find((jid) => jid !== undefined && isLidUser(jid) === true);
  if (lid === undefined) return undefined;
  return phoneOfJid((await sock.signalRepository.lidMapping.getPNForLID(lid)) ?? undefined);
}
