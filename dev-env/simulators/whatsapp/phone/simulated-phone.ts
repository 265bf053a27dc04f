import type { BinaryNode } from '@whiskeysockets/baileys';
import { waitFor } from '../../../wait-for.ts';
import type { CompanionDevice } from '../connection/companion-device.ts';
import { removeDevice } from '../connection/device-session.ts';
import type { Account, PrimaryDevice } from '../directory.ts';
import type { PairingRegistry } from '../pairing/pairing-registry.ts';
import { PairingError, parseQrText } from '../pairing/qr-code.ts';
import type { RegistrationSession } from '../pairing/registration-session.ts';
import type { Service } from '../service.ts';
import { SignalStore } from '../signal/signal-store.ts';
import type { Addressing } from '../stanzas/jids.ts';
import { parseJid } from '../stanzas/jids.ts';
import type { MessageRouter } from '../stanzas/message-router.ts';
import type { ReceiptKind, ReceiptRouter } from '../stanzas/receipt-router.ts';
import { PhoneInbox } from './inbox.ts';
import type { ReceivedMessage, ReceivedReceipt, SentCopy } from './inbox.ts';
import { MessageSender } from './message-sender.ts';
import { ReceiptSender } from './receipt-sender.ts';
import type { ReceiptBehavior } from './receipt-sender.ts';

/** The service as a phone uses it. */
export type PhoneServices = Readonly<{
  service: Service;
  pairing: PairingRegistry;
  messages: MessageRouter;
  receipts: ReceiptRouter;
}>;

const codeTimeoutMs = 1000;

/** A phone with WhatsApp. It owns the account: its identity key signs those of linked devices. */
export class SimulatedPhone {
  /** Digits, without a plus. */
  readonly number: string;
  readonly #services: PhoneServices;
  readonly #signal = new SignalStore();
  readonly #account: Account;
  readonly #inbox: PhoneInbox;
  readonly #sender: MessageSender;
  readonly #receipts: ReceiptSender;
  #online = true;
  #deferred: (() => void)[] = [];
  #work: Promise<unknown> = Promise.resolve();

  constructor(number: string, name: string, services: PhoneServices) {
    this.number = number;
    this.#services = services;
    const signal = this.#signal;
    const primary: PrimaryDevice = {
      id: 0,
      name,
      get keys() {
        return signal.published;
      },
      deliver: (node) => this.#whenOnline(() => this.#receive(node)),
      sendInitialHistory: (device) => this.#whenOnline(() => this.#sendInitialHistory(device)),
    };
    this.#account = services.service.directory.register(number, primary);
    this.#inbox = new PhoneInbox(services.service, this.#account, this.#signal);
    this.#sender = new MessageSender(this.#account, this.#signal, services.messages);
    this.#receipts = new ReceiptSender(services.service, this.#account, services.receipts, (task) =>
      this.#whenOnline(task),
    );
  }

  /** Receipts that the phone sends automatically. */
  get automaticReceipts(): { delivered: boolean; read: boolean } {
    return this.#receipts.automatic;
  }

  /** Delays, repeats and reorders automatic receipts. */
  get receiptBehavior(): ReceiptBehavior {
    return this.#receipts.behavior;
  }

  /** The user part of the hidden identity of this number. */
  get lid(): string {
    return this.#account.lid;
  }

  get inbox(): readonly ReceivedMessage[] {
    return this.#inbox.messages;
  }

  /** Messages that the linked devices of this phone have sent. */
  get sentFromCompanions(): readonly SentCopy[] {
    return this.#inbox.copies;
  }

  /** Receipts for messages that this phone has sent. */
  get receipts(): readonly ReceivedReceipt[] {
    return this.#inbox.receipts;
  }

  /** Numbers of the linked devices. */
  get linkedDevices(): readonly number[] {
    return this.#account.companions.map(({ id }) => id);
  }

  /** Links the device that shows this QR code; throws PairingError when the phone or the device refuses. */
  async scan(qrText: string): Promise<void> {
    this.#requireNetwork();
    const qr = parseQrText(qrText);
    const session = this.#services.pairing.find(qr);
    this.#requireNoPasskey(session);
    const refresh = this.#services.service.faults.secretRefreshRequired.get(this.number);
    if (refresh !== undefined && session.retireSecret(qr.advSecret, refresh)) {
      throw new PairingError('Device must refresh its ADV secret');
    }
    await session.pair(this.#account, this.#signal.identity, qr.advSecret, 'qr');
  }

  /** Links the device that shows this code, with or without its dash; throws PairingError when the code is wrong. */
  async enterPairingCode(code: string): Promise<void> {
    this.#requireNetwork();
    const session = await this.#findDeviceShowingCode();
    const typed = code.replaceAll('-', '').toUpperCase();
    const advSecret = await session.code.enterCode(typed, this.#signal.identity);
    this.#requireNoPasskey(session);
    await session.pair(this.#account, this.#signal.identity, advSecret, 'code');
  }

  /** Resolves with the first message, already received or future, that the predicate accepts. */
  waitForMessage(
    predicate: (message: ReceivedMessage) => boolean,
    timeoutMs = 5000,
  ): Promise<ReceivedMessage> {
    return waitFor(`a message to ${this.number}`, () => this.inbox.find(predicate), timeoutMs);
  }

  /** Writes to another registered number; resolves with the id of the message. */
  async sendText(
    toNumber: string,
    text: string,
    {
      addressing = this.#account.isMigratedToLid ? 'lid' : this.#services.service.config.addressing,
      quoting,
    }: Readonly<{
      addressing?: Addressing;
      /** The id of the message that it answers. */ quoting?: string;
    }> = {},
  ): Promise<string> {
    const to = this.#services.service.directory.byNumber(toNumber);
    if (to === undefined) throw new Error(`${toNumber} is not registered with WhatsApp`);
    this.#requireNetwork();
    return this.#runExclusive(() => this.#sender.sendText(to, text, addressing, quoting));
  }

  /** Opens the chat on a received message: its sender gets a read receipt. */
  markRead(messageId: string): void {
    this.sendReceipt(messageId, 'read');
  }

  /** Opens the chat with a number: one read receipt covers all its messages. */
  markAllRead(fromNumber: string): void {
    const [first, ...more] = this.inbox.filter(({ from }) => from === fromNumber);
    if (first === undefined) throw new Error(`${this.number} has no message from ${fromNumber}`);
    this.#receipts.sendReceipt([first, ...more], 'read');
  }

  /** Sends this receipt now, also repeated, early or out of order. */
  sendReceipt(messageId: string, kind: Exclude<ReceiptKind, 'retry' | 'peer_msg'>): void {
    const message = this.inbox.find(({ id }) => id === messageId);
    if (message === undefined) throw new Error(`${this.number} has no message ${messageId}`);
    this.#receipts.sendReceipt([message], kind);
  }

  /** Makes the next `count` messages from others undecryptable; the phone sends retry receipts for them. */
  failToDecrypt(messages = 1): void {
    this.#inbox.failToDecrypt(messages);
  }

  /** Moves to the hidden identity: it writes under it, and messages to its number are refused with 463. */
  migrateToLid(): void {
    this.#account.isMigratedToLid = true;
  }

  /**
   * Another phone registers the number: another identity key, no sessions, no linked devices. The chats are restored from
   * a backup.
   */
  reinstall(): void {
    for (const { id } of this.#account.companions) this.removeDevice(id);
    this.#signal.reset();
  }

  /** Logs a linked device out. */
  removeDevice(id: number): void {
    const device = this.#account.companion(id);
    if (device === undefined) throw new Error(`${this.number} has no linked device ${id}`);
    removeDevice(this.#services.service, this.#account, device);
  }

  /** Closes the connections of the linked devices, which may reconnect at once. */
  drop(): void {
    for (const device of this.#account.companions) device.connection?.drop();
  }

  /** Disconnects the phone; stanzas for it are queued at the server. */
  goOffline(): void {
    this.#online = false;
  }

  goOnline(): void {
    this.#online = true;
    for (const task of this.#deferred.splice(0)) task();
  }

  /** Deletes the Signal sessions: the next message cannot be decrypted and is requested again. */
  forgetSessions(): void {
    this.#signal.deleteSessions();
  }

  /** The linked devices, for faults of their connections. */
  get companions(): readonly CompanionDevice[] {
    return this.#account.companions;
  }

  #requireNoPasskey(session: RegistrationSession): void {
    const step = this.#services.service.faults.passkeyRequired.get(this.number);
    if (step === undefined) return;
    session.requirePasskey(step);
    throw new PairingError('This account asks for a passkey');
  }

  #requireNetwork(): void {
    if (!this.#online) throw new Error(`The phone ${this.number} has no network`);
  }

  /** Waits: a device may show its code before the service has registered it. */
  async #findDeviceShowingCode(): Promise<RegistrationSession> {
    const find = (): RegistrationSession | undefined => this.#services.pairing.findByNumber(this.number);
    try {
      return await waitFor('a pairing code', find, codeTimeoutMs);
    } catch (cause) {
      throw new PairingError('No device asks to be linked to this number by code', { cause });
    }
  }

  #whenOnline(task: () => void): void {
    if (this.#online) task();
    else this.#deferred.push(task);
  }

  /** Serialises Signal operations, as the ratchet requires. */
  #runExclusive<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#work.then(task);
    this.#work = done.catch(() => undefined);
    return done;
  }

  #sendInitialHistory(device: CompanionDevice): void {
    this.#services.service.timers.run(() =>
      this.#runExclusive(() => this.#sender.sendHistory(device, this.inbox)),
    );
  }

  #receive(node: BinaryNode): void {
    const { service } = this.#services;
    service.timers.run(async () => {
      if (node.tag === 'message') {
        const receipt = await this.#runExclusive(() => this.#inbox.readMessage(node));
        if (receipt) this.#receipts.sendAutomatic(receipt);
      } else if (node.attrs['type'] === 'retry') {
        const reader = service.directory.byJid(node.attrs['from']);
        const device = reader?.device(parseJid(node.attrs['from'])?.device ?? 0);
        if (reader && device)
          await this.#runExclusive(() => this.#sender.resend(node.attrs['id'] ?? '', reader, device));
      } else {
        this.#inbox.readReceipt(node);
      }
    });
  }
}
