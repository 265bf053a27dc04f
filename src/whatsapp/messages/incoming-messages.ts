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
import type { ReceivedText } from '../../ports/received-messages.ts';
import { jidToPhone } from './jid-resolver.ts';

/**
 * Reports texts from private chats, including those of the offline queue. Ignores messages of groups and own devices, history
 * (another event) and messages without text. Marks nothing as read, so the chat stays unread on the owner's phone.
 */
export function watchIncomingMessages(
  sock: WASocket,
  options: Readonly<{
    report: (message: ReceivedText) => void;
    /** Called when the LID of a sender cannot be resolved because the store fails. */
    onError: (error: unknown) => void;
  }>,
): void {
  // The first LID lookup of a sender is the slowest, so without the mutex later texts would overtake it. One mutex for all
  // senders, because the same sender can be addressed by number and by LID.
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
    // Baileys now removes all listeners, but may still emit a text whose receipt it has already sent.
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

/** A sender is addressed by number or LID. The other address is in `remoteJidAlt` or in the stored LID mapping. */
async function senderPhone(sock: WASocket, key: WAMessageKey): Promise<string | undefined> {
  const chat = key.remoteJid ?? undefined;
  // For a broadcast `remoteJidAlt` is the sender, so check `remoteJid` first.
  if (isPnUser(chat) !== true && isLidUser(chat) !== true) return undefined;
  const jids = [chat, key.remoteJidAlt];
  const phoneJid = jids.find((jid) => jid !== undefined && isPnUser(jid) === true);
  if (phoneJid !== undefined) return jidToPhone(phoneJid);
  const lid = jids.find((jid) => jid !== undefined && isLidUser(jid) === true);
  if (lid === undefined) return undefined;
  return jidToPhone((await sock.signalRepository.lidMapping.getPNForLID(lid)) ?? undefined);
}
