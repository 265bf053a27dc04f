import type { BinaryNode, proto } from '@whiskeysockets/baileys';
import type { Account } from '../directory.ts';
import type { Service } from '../service.ts';
import { encodeBundle } from '../signal/key-queries.ts';
import type { SignalStore } from '../signal/signal-store.ts';
import { parseJid } from '../stanzas/jids.ts';
import type { Addressing } from '../stanzas/jids.ts';
import { nodeBytes, child, stanza, encodeUint } from '../stanzas/nodes.ts';
import { receiptIds } from '../stanzas/receipt-router.ts';
import type { ReceiptKind } from '../stanzas/receipt-router.ts';
import { isPeerDataRequest, messageText } from './message-content.ts';
import { signalAddress } from './message-sender.ts';

/** A text shown in a chat. */
export type ReceivedMessage = Readonly<{
  id: string;
  /** Digits of the sender. */
  from: string;
  text: string;
  at: Date;
  /** How the sender addressed it, and receipts for it are addressed. */
  addressing: Addressing;
}>;

/** A text that a companion of this phone sent, as it shows in the chat with `to`. */
export type SentCopy = Readonly<{ id: string; to: string; text: string; at: Date }>;

/** A receipt for a message that this phone sent. */
export type ReceivedReceipt = Readonly<{ id: string; from: string; kind: string }>;

export type PendingReceipt = Readonly<{
  to: Account;
  id: string;
  kind: ReceiptKind;
  addressing: Addressing;
  content?: BinaryNode[];
}>;

/** A retry receipt asks for a message at most this often. */
const maxRetries = 3;

/** Decrypts and stores messages that arrive at a phone. */
export class PhoneInbox {
  readonly messages: ReceivedMessage[] = [];
  readonly copies: SentCopy[] = [];
  readonly receipts: ReceivedReceipt[] = [];
  readonly #service: Service;
  readonly #account: Account;
  readonly #signal: SignalStore;
  readonly #seen = new Set<string>();
  readonly #retries = new Map<string, number>();
  #pendingDecryptionFailures = 0;

  constructor(service: Service, account: Account, signal: SignalStore) {
    this.#service = service;
    this.#account = account;
    this.#signal = signal;
  }

  /** Makes the next `count` ciphertexts of others undecryptable. */
  failToDecrypt(ciphertexts: number): void {
    this.#pendingDecryptionFailures = ciphertexts;
  }

  /** @returns the receipt due for a message, if any */
  async readMessage(node: BinaryNode): Promise<PendingReceipt | undefined> {
    const { id = '', from, recipient } = node.attrs;
    const sender = this.#service.directory.byJid(from);
    const address = parseJid(from);
    const enc = child(node, 'enc');
    if (sender === undefined || address === undefined || enc === undefined) return undefined;
    if (this.#pendingDecryptionFailures > 0 && sender !== this.#account) {
      this.#pendingDecryptionFailures -= 1;
      return this.#requestRetry(sender, id, address.addressing, 'simulated decryption failure');
    }
    let message: proto.IMessage;
    try {
      message = await this.#signal.decrypt(signalAddress(sender, { id: address.device }), {
        type: enc.attrs['type'] === 'pkmsg' ? 'pkmsg' : 'msg',
        body: nodeBytes(enc),
      });
    } catch (error) {
      return this.#requestRetry(sender, id, address.addressing, String(error));
    }
    this.#service.log.add({ type: 'decrypted', number: this.#account.number, from: sender.number, id });
    // A message with a known id is confirmed again and not shown again.
    const key = `${sender.number} ${id}`;
    const isNew = !this.#seen.has(key);
    this.#seen.add(key);
    const { addressing } = address;
    if (sender === this.#account && isPeerDataRequest(message))
      return { to: sender, id, kind: 'peer_msg', addressing };
    if (message.deviceSentMessage) {
      if (isNew) this.#storeSentCopy(id, recipient, message.deviceSentMessage.message);
      return undefined;
    }
    const text = messageText(message);
    if (text === undefined) return undefined;
    if (isNew) {
      this.messages.push({
        id,
        from: sender.number,
        text,
        at: new Date(this.#service.config.now()),
        addressing,
      });
    }
    return { to: sender, id, kind: 'delivered', addressing };
  }

  readReceipt(node: BinaryNode): void {
    const sender = this.#service.directory.byJid(node.attrs['from']);
    if (sender === undefined) return;
    const kind = node.attrs['type'] ?? 'delivered';
    for (const id of receiptIds(node)) this.receipts.push({ id, from: sender.number, kind });
  }

  #storeSentCopy(
    id: string,
    recipient: string | undefined,
    message: proto.IMessage | null | undefined,
  ): void {
    const text = message ? messageText(message) : undefined;
    const to = this.#service.directory.byJid(recipient)?.number ?? parseJid(recipient)?.user;
    if (text !== undefined && to !== undefined) {
      this.copies.push({ id, to, text, at: new Date(this.#service.config.now()) });
    }
  }

  /** A phone that cannot decrypt a message sends a retry receipt with fresh keys. */
  #requestRetry(
    sender: Account,
    id: string,
    addressing: Addressing,
    reason: string,
  ): PendingReceipt | undefined {
    const { config, log } = this.#service;
    log.add({ type: 'undecryptable', number: this.#account.number, from: sender.number, id, reason });
    const count = (this.#retries.get(id) ?? 0) + 1;
    this.#retries.set(id, count);
    if (sender === this.#account || count > maxRetries) return undefined;
    const bundle = this.#signal.published.takeBundle();
    const t = String(Math.floor(config.now() / 1000));
    const content = [
      stanza('retry', { count: String(count), id, t, v: '1' }),
      stanza('registration', {}, encodeUint(bundle.registrationId, 4)),
      stanza('keys', {}, encodeBundle(bundle)),
    ];
    return { to: sender, id, kind: 'retry', addressing, content };
  }
}
