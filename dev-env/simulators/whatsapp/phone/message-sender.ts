import { randomBytes } from 'node:crypto';
import type { BinaryNode, proto } from '@whiskeysockets/baileys';
import type { Device } from '../connection/companion-device.ts';
import type { Account } from '../directory.ts';
import type { SignalStore } from '../signal/signal-store.ts';
import { formatJid } from '../stanzas/jids.ts';
import type { Addressing } from '../stanzas/jids.ts';
import type { DeviceCiphertext, MessageRouter } from '../stanzas/message-router.ts';
import { stanza } from '../stanzas/nodes.ts';
import { historyConversation, historyMessage, deviceSentCopy, textMessage } from './message-content.ts';
import type { ChatText } from './message-content.ts';

type SentMessage = Readonly<{ to: Account; message: proto.IMessage; addressing: Addressing }>;

/** Writes as the phone of an account: encrypts for every device of the other person and for the own companions. */
export class MessageSender {
  readonly #account: Account;
  readonly #signal: SignalStore;
  readonly #router: MessageRouter;
  readonly #sent = new Map<string, SentMessage>();

  constructor(account: Account, signal: SignalStore, router: MessageRouter) {
    this.#account = account;
    this.#signal = signal;
    this.#router = router;
  }

  /** Resolves with the id of the message. */
  async sendText(to: Account, text: string, addressing: Addressing, quotedId?: string): Promise<string> {
    const id = randomBytes(16).toString('hex').toUpperCase();
    const message = textMessage(text, quotedId);
    this.#sent.set(id, { to, message, addressing });
    const copies: DeviceCiphertext[] = [];
    for (const device of to.devices) copies.push(await this.#encrypt(to, device, message));
    for (const device of this.#account.companions) {
      copies.push(
        await this.#encrypt(this.#account, device, deviceSentCopy(formatJid(to, addressing), message)),
      );
    }
    this.#dispatch(id, to, addressing, copies);
    return id;
  }

  /** Encrypts a message again for the companion that could not decrypt it; ignores unknown ids. */
  async resend(id: string, recipient: Account, device: Device): Promise<void> {
    const sent = this.#sent.get(id);
    if (sent === undefined) return;
    this.#signal.deleteSessions(signalAddress(recipient, device));
    const message =
      recipient === sent.to
        ? sent.message
        : deviceSentCopy(formatJid(sent.to, sent.addressing), sent.message);
    this.#dispatch(id, sent.to, sent.addressing, [await this.#encrypt(recipient, device, message)]);
  }

  /** Sends a new companion the history of the phone. */
  async sendHistory(device: Device, received: readonly ChatText[]): Promise<void> {
    const copy = await this.#encrypt(
      this.#account,
      device,
      historyMessage(received.map(historyConversation)),
    );
    this.#router.dispatch({
      id: randomBytes(16).toString('hex').toUpperCase(),
      from: this.#account,
      fromDevice: 0,
      chat: formatJid(this.#account, 'pn'),
      addressing: 'pn',
      copies: [copy],
      category: 'peer',
    });
  }

  #dispatch(id: string, to: Account, addressing: Addressing, copies: readonly DeviceCiphertext[]): void {
    const chat = formatJid(to, addressing);
    this.#router.dispatch({ id, from: this.#account, fromDevice: 0, chat, addressing, copies });
  }

  async #encrypt(account: Account, device: Device, message: proto.IMessage): Promise<DeviceCiphertext> {
    const address = signalAddress(account, device);
    const { type, body } = await this.#signal.encrypt(address, message, () => device.keys.takeBundle());
    const enc: BinaryNode = stanza('enc', { v: '2', type }, body);
    return { account, device, enc };
  }
}

/** One address per device, whether people were named by number or by hidden identity. */
export function signalAddress(account: Account, device: Readonly<{ id: number }>): string {
  return `${account.number}.${device.id}`;
}
