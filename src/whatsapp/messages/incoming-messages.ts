import {
  type BaileysEventMap,
  isLidUser,
  isPnUser,
  normalizeMessageContent,
  type proto,
  type WAMessageKey,
  type WASocket,
} from '@whiskeysockets/baileys';
import { catchAsync } from '../../lib/async/catch-async.ts';
import { KeyedMutex } from '../../lib/async/keyed-mutex.ts';
import { jidToPhone } from './jid-resolver.ts';
import type { ReceivedText } from '../../ports/received-messages.ts';

/**
 * Reports texts from private chats, also those that waited at WhatsApp while no socket was open, which Baileys appends.
 * Nothing is marked as read: the chat stays unread on the owner's phone. Messages of groups, of our own devices, of the
 * history, which comes by another event, and without text are none of our business.
 */
export function watchIncomingMessages(
  sock: WASocket,
  options: Readonly<{
    report: (message: ReceivedText) => void;
    /** An address that could not be looked up. */
    onError: (error: unknown) => void;
  }>,
): void {
  // The first look for an address takes longer than the next: what a person wrote later must not overtake it, and one person
  // may come by number and by LID.
  const mutex = new KeyedMutex<'messages'>();
  const reportText = catchAsync(options.onError, (key: WAMessageKey, message: Omit<ReceivedText, 'phone'>) =>
    mutex.run('messages', async () => {
      const phone = await senderPhone(sock, key);
      if (phone !== undefined) options.report({ ...message, phone });
    }),
  );
  const handleUpsert = ({ messages }: BaileysEventMap['messages.upsert']): void => {
    for (const { key, message, messageTimestamp } of messages) {
      const content = normalizeMessageContent(message);
      const text = messageText(content);
      const whatsappMessageId = key.id ?? undefined;
      if (text === undefined || whatsappMessageId === undefined || key.fromMe === true) continue;
      const quotedId = content?.extendedTextMessage?.contextInfo?.stanzaId ?? '';
      const sentAt = new Date(Number(messageTimestamp ?? 0) * 1_000);
      reportText(key, { whatsappMessageId, text, sentAt, ...(quotedId !== '' && { quotedId }) });
    }
  };
  sock.ev.on('messages.upsert', handleUpsert);
  sock.ev.on('connection.update', ({ connection }) => {
    if (connection !== 'close') return;
    // Baileys takes all listeners away now, and may still be at a text whose receipt has gone out.
    setImmediate(() =>
      sock.ev.process(({ 'messages.upsert': buffered }) => {
        if (buffered !== undefined) handleUpsert(buffered);
      }),
    );
  });
}

function messageText(content: proto.IMessage | undefined): string | undefined {
  const text = content?.conversation ?? content?.extendedTextMessage?.text ?? '';
  return text.trim() === '' ? undefined : text;
}

/** People are addressed by number or by LID; the other one comes beside it, or was learned before. */
async function senderPhone(sock: WASocket, key: WAMessageKey): Promise<string | undefined> {
  const chat = key.remoteJid ?? undefined;
  // Beside the address of a broadcast stands its sender's.
  if (isPnUser(chat) !== true && isLidUser(chat) !== true) return undefined;
  const jids = [chat, key.remoteJidAlt];
  const phoneJid = jids.find((jid) => jid !== undefined && isPnUser(jid) === true);
  if (phoneJid !== undefined) return jidToPhone(phoneJid);
  const lid = jids.find((jid) => jid !== undefined && isLidUser(jid) === true);
  if (lid === undefined) return undefined;
  return jidToPhone((await sock.signalRepository.lidMapping.getPNForLID(lid)) ?? undefined);
}
