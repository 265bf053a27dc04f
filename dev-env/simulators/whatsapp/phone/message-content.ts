import { deflateSync } from 'node:zlib';
import { proto } from '@whiskeysockets/baileys';

/** @param quotedId id of the quoted message */
export function textMessage(text: string, quotedId?: string): proto.IMessage {
  if (quotedId === undefined) return { conversation: text };
  return { extendedTextMessage: { text, contextInfo: { stanzaId: quotedId } } };
}

/** The text of a message; undefined for protocol messages, media and the like. */
export function messageText(message: proto.IMessage): string | undefined {
  return message.conversation || message.extendedTextMessage?.text || undefined;
}

/** True for a peer data request of a companion, which no chat shows. Baileys wraps it in a `deviceSentMessage`. */
export function isPeerDataRequest(message: proto.IMessage): boolean {
  const { protocolMessage } = message.deviceSentMessage?.message ?? message;
  return Boolean(protocolMessage?.peerDataOperationRequestMessage);
}

/** Wraps a message for the sender's other devices. */
export function deviceSentCopy(chat: string, message: proto.IMessage): proto.IMessage {
  return { deviceSentMessage: { destinationJid: chat, message } };
}

/** Initial history sync: the chats that a phone sends to a new companion. */
export function historyMessage(chats: readonly proto.IConversation[]): proto.IMessage {
  const { INITIAL_BOOTSTRAP } = proto.HistorySync.HistorySyncType;
  const history = proto.HistorySync.encode({
    syncType: INITIAL_BOOTSTRAP,
    conversations: [...chats],
  }).finish();
  return {
    protocolMessage: {
      type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
      historySyncNotification: {
        syncType: proto.Message.HistorySyncType.INITIAL_BOOTSTRAP,
        chunkOrder: 1,
        progress: 100,
        initialHistBootstrapInlinePayload: deflateSync(history),
      },
    },
  };
}

/** A text that a phone has received. */
export type ChatText = Readonly<{ id: string; from: string; text: string; at: Date }>;

/** Form of a message in the history sync. */
export function historyConversation({ id, from, text, at }: ChatText): proto.IConversation {
  const remoteJid = `${from}@s.whatsapp.net`;
  const message = {
    key: { remoteJid, fromMe: false, id },
    message: textMessage(text),
    messageTimestamp: Math.floor(at.getTime() / 1000),
  };
  return { id: remoteJid, messages: [{ message, msgOrderId: 1 }] };
}
