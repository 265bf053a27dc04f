import type { BinaryNode } from '@whiskeysockets/baileys';
import type { ClientConnection } from '../connection/client-connection.ts';
import type { CompanionDevice } from '../connection/companion-device.ts';
import type { Account } from '../directory.ts';
import { unixSeconds } from '../service.ts';
import type { Service } from '../service.ts';
import { formatJid, parseJid } from './jids.ts';
import type { Addressing } from './jids.ts';
import { child, children, stanza } from './nodes.ts';

/** A delivery receipt has no `type` on the wire. */
export type ReceiptKind = 'delivered' | 'read' | 'played' | 'retry' | 'peer_msg';

/** Receipts between the devices of one account. */
const internalTypes = new Set(['sender', 'peer_msg', 'hist_sync', 'read-self']);

/** Routes receipts between companions and phones. */
export class ReceiptRouter {
  readonly #service: Service;

  constructor(service: Service) {
    this.#service = service;
  }

  /** Routes a delivery, read or retry receipt of a companion. */
  fromCompanion(
    connection: ClientConnection,
    from: Account,
    device: CompanionDevice,
    node: BinaryNode,
  ): void {
    const { id = '', to, type } = node.attrs;
    connection.send(stanza('ack', { class: 'receipt', id, from: to, type }));
    if (type !== 'retry') device.confirm('message', node.attrs);
    if (type !== undefined && internalTypes.has(type)) return;
    const peer = this.#service.directory.byJid(to);
    if (peer === undefined) return;
    // An inactive companion confirms with "inactive"; the sender receives a delivery receipt.
    const kind = type === 'inactive' ? undefined : type;
    for (const messageId of receiptIds(node)) {
      const entry = { from: from.number, to: peer.number, id: messageId, kind: kind ?? 'delivered' };
      this.#service.log.add({ type: 'receipt', ...entry });
    }
    const sender = formatJid(from, parseJid(to)?.addressing ?? 'pn', device.id);
    const attributes = { id, from: sender, type: kind, t: unixSeconds(this.#service) };
    peer.primary.deliver(stanza('receipt', attributes, node.content));
  }

  /** Sends a phone's receipt to the devices of the sender; the content may list more message ids. */
  fromPhone(
    from: Account,
    to: Account,
    id: string,
    kind: ReceiptKind,
    addressing: Addressing,
    content?: BinaryNode[],
  ): void {
    const type = kind === 'delivered' ? undefined : kind;
    const attributes = { id, from: formatJid(from, addressing), type, t: unixSeconds(this.#service) };
    const receipt = stanza('receipt', attributes, content);
    for (const messageId of receiptIds(receipt)) {
      const entry = { from: from.number, to: to.number, id: messageId, kind };
      this.#service.log.add({ type: 'receipt', ...entry });
    }
    to.deliverToCompanions(receipt);
    if (kind !== 'peer_msg') to.primary.deliver(receipt);
  }
}

/** One receipt can confirm many messages. */
export function receiptIds(node: BinaryNode): string[] {
  const more = children(child(node, 'list'), 'item').map((item) => item.attrs['id'] ?? '');
  return [node.attrs['id'] ?? '', ...more];
}
