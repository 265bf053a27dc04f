import { deflateSync } from 'node:zlib';

import { proto } from '@whiskeysockets/baileys';

export function textMessage(text: string): proto.IMessage {
  return { conversation: text };
}

/** The text of a message; undefined for protocol messages, media and the like. */
export function textIn(message: proto.IMessage): string | undefined {
  return message.conversation || message.extendedTextMessage?.text || undefined;
}

/** What the sender's other devices get in place of the message itself. */
export function ownCopy(chat: string, message: proto.IMessage): proto.IMessage {
  return { deviceSentMessage: { destinationJid: chat, message } };
}

/** The first thing a phone sends to a new companion: its history, which is empty here. */
export function emptyHistory(): proto.IMessage {
  const { INITIAL_BOOTSTRAP } = proto.HistorySync.HistorySyncType;
  const history = proto.HistorySync.encode({ syncType: INITIAL_BOOTSTRAP, conversations: [] }).finish();
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
