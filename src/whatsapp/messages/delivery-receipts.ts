import { areJidsSameUser, type BinaryNode, type WASocket } from '@whiskeysockets/baileys';
import type { MessageStatus } from '../../domain/notification/message.ts';
import type { MessageStatusUpdate } from '../../ports/sessions.ts';

type Me = Readonly<{ id?: string | undefined; lid?: string | undefined }> | undefined;

const receiptStatuses: Readonly<Record<string, MessageStatus>> = {
  '': 'delivered',
  read: 'read',
  played: 'read',
};

/**
 * Reports status updates from the raw stanzas: Baileys emits no event for a server ack, and its event buffer delays receipts by
 * up to 30 s or merges them into other events.
 */
export function watchDeliveryReceipts(sock: WASocket, report: (update: MessageStatusUpdate) => void): void {
  sock.ws.on('CB:ack,class:message', (node: BinaryNode) => {
    const update = statusFromAck(node);
    if (update !== undefined) report(update);
  });
  sock.ws.on('CB:receipt', (node: BinaryNode) => {
    for (const update of statusesFromReceipt(node, sock.authState.creds.me)) report(update);
  });
}

/** `sent`, or `failed` when the ack carries an error code such as 463. */
export function statusFromAck({ attrs }: BinaryNode): MessageStatusUpdate | undefined {
  const { id, error } = attrs;
  if (id === undefined) return undefined;
  if (error === undefined) return { whatsappMessageId: id, status: 'sent' };
  return { whatsappMessageId: id, status: 'failed', errorCode: error };
}

/** One update per message of the receipt; none for receipts of the account's other devices. */
export function statusesFromReceipt({ attrs, content }: BinaryNode, me: Me): MessageStatusUpdate[] {
  const status = receiptStatuses[attrs['type'] ?? ''];
  const sender = attrs['participant'] ?? attrs['from'];
  if (status === undefined || sender === undefined) return [];
  const isOwnDevice = areJidsSameUser(sender, me?.id) || areJidsSameUser(sender, me?.lid);
  // A receipt of an own device without `recipient` belongs to a message in the account's own chat.
  if (isOwnDevice && attrs['recipient'] !== undefined) return [];
  return receiptIds(attrs['id'], content).map((whatsappMessageId) => ({ whatsappMessageId, status }));
}

function receiptIds(first: string | undefined, content: BinaryNode['content']): string[] {
  const children = Array.isArray(content) ? content : [];
  const items = children.flatMap((child) => (Array.isArray(child.content) ? child.content : []));
  const more = items.filter(({ tag }) => tag === 'item').map(({ attrs }) => attrs['id']);
  return [first, ...more].filter((id) => id !== undefined);
}
