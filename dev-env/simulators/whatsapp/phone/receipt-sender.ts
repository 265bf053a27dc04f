import type { Account } from '../directory.ts';
import type { Service } from '../service.ts';
import { stanza } from '../stanzas/nodes.ts';
import type { ReceiptKind, ReceiptRouter } from '../stanzas/receipt-router.ts';
import type { PendingReceipt, ReceivedMessage } from './inbox.ts';

/** Timing and number of a phone's automatic receipts. */
export type ReceiptBehavior = {
  /** Replaces the default delay of a receipt; varying delays reorder receipts. */
  delayMs: (() => number) | undefined;
  /** How often each receipt is sent. */
  copies: number;
  /** Sends an automatic read receipt before the delivery receipt. */
  readFirst: boolean;
};

type RunWhenOnline = (task: () => void) => void;

/** Sends delivery, read and retry receipts. */
export class ReceiptSender {
  /** Receipts that the phone sends automatically. */
  readonly automatic = { delivered: true, read: false };
  readonly behavior: ReceiptBehavior = { delayMs: undefined, copies: 1, readFirst: false };
  readonly #service: Service;
  readonly #account: Account;
  readonly #router: ReceiptRouter;
  readonly #whenOnline: RunWhenOnline;

  constructor(service: Service, account: Account, router: ReceiptRouter, whenOnline: RunWhenOnline) {
    this.#service = service;
    this.#account = account;
    this.#router = router;
    this.#whenOnline = whenOnline;
  }

  /** Sends the automatic receipts for a new message after their delays. */
  sendAutomatic(pending: PendingReceipt): void {
    const kinds = pending.kind === 'delivered' ? this.#automaticKinds() : [pending.kind];
    const { delayMs, copies } = this.behavior;
    const { config, timers } = this.#service;
    for (const kind of kinds) {
      const task = (): void => this.#send({ ...pending, kind }, kind === 'retry' ? 1 : copies);
      timers.after(delayMs?.() ?? config.receiptDelayMs, task);
    }
  }

  /** Sends one receipt now, regardless of earlier ones. Its id is that of the first message; all are of one chat. */
  sendReceipt(messages: readonly [ReceivedMessage, ...ReceivedMessage[]], kind: ReceiptKind): void {
    const [{ id, from, addressing }, ...more] = messages;
    const to = this.#service.directory.byNumber(from);
    if (to === undefined) throw new Error(`${from} is not registered with WhatsApp`);
    const items = more.map((message) => stanza('item', { id: message.id }));
    const content = items.length > 0 ? { content: [stanza('list', {}, items)] } : {};
    this.#send({ to, id, kind, addressing, ...content }, 1);
  }

  #automaticKinds(): ReceiptKind[] {
    const kinds: ReceiptKind[] = [];
    if (this.automatic.delivered) kinds.push('delivered');
    if (this.automatic.read) kinds.push('read');
    return this.behavior.readFirst ? kinds.toReversed() : kinds;
  }

  #send({ to, id, kind, addressing, content }: PendingReceipt, copies: number): void {
    for (let sent = 0; sent < copies; sent += 1) {
      this.#whenOnline(() => this.#router.fromPhone(this.#account, to, id, kind, addressing, content));
    }
  }
}
