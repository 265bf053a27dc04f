import { createHash } from 'node:crypto';
import type { BinaryNode } from '@whiskeysockets/baileys';
import type { CompanionDevice, Device } from './connection/companion-device.ts';
import { parseJid } from './stanzas/jids.ts';

/** The server's view of an account's phone. */
export type PrimaryDevice = Device &
  Readonly<{
    name: string;
    /** A device of this account has come online for the first time and waits for its history. */
    sendInitialHistory: (device: CompanionDevice) => void;
  }>;

/** One registered number. */
export class Account {
  /** Digits, without a plus. */
  readonly number: string;
  /** The hidden identity: other digits, the same for this number every time. */
  readonly lid: string;
  readonly primary: PrimaryDevice;
  /** The account has moved to its hidden identity: messages addressed to its number are refused. */
  isMigratedToLid = false;
  readonly #receivedFrom = new Set<Account>();
  readonly #companions = new Map<number, CompanionDevice>();
  #lastDevice = 0;

  constructor(number: string, primary: PrimaryDevice) {
    this.number = number;
    this.lid = deriveLid(number);
    this.primary = primary;
  }

  get companions(): readonly CompanionDevice[] {
    return [...this.#companions.values()];
  }

  get devices(): readonly Device[] {
    return [this.primary, ...this.#companions.values()];
  }

  /** Device numbers are never used twice. */
  reserveDeviceId(): number {
    this.#lastDevice += 1;
    return this.#lastDevice;
  }

  link(device: CompanionDevice): void {
    this.#companions.set(device.id, device);
  }

  unlink(id: number): void {
    this.#companions.delete(id);
  }

  companion(id: number): CompanionDevice | undefined {
    return this.#companions.get(id);
  }

  device(id: number): Device | undefined {
    return id === 0 ? this.primary : this.#companions.get(id);
  }

  /** Records an incoming message: replies to its sender do not start a new chat. */
  recordIncoming(from: Account): void {
    this.#receivedFrom.add(from);
  }

  hasReceivedFrom(other: Account): boolean {
    return this.#receivedFrom.has(other);
  }

  deliverToCompanions(node: BinaryNode): void {
    for (const device of this.#companions.values()) device.deliver(node);
  }
}

/** Registered accounts, by number and by hidden identity (LID). */
export class Directory {
  readonly #byNumber = new Map<string, Account>();
  readonly #byLid = new Map<string, Account>();

  register(number: string, primary: PrimaryDevice): Account {
    if (!/^\d{7,15}$/.test(number)) throw new Error(`Not the digits of a phone number: ${number}`);
    if (this.#byNumber.has(number)) throw new Error(`${number} is registered already`);
    const account = new Account(number, primary);
    this.#byNumber.set(number, account);
    this.#byLid.set(account.lid, account);
    return account;
  }

  byNumber(number: string): Account | undefined {
    return this.#byNumber.get(number);
  }

  byJid(jid: string | undefined): Account | undefined {
    const address = parseJid(jid);
    if (address === undefined) return undefined;
    return address.addressing === 'lid' ? this.#byLid.get(address.user) : this.#byNumber.get(address.user);
  }
}

function deriveLid(number: string): string {
  const digest = createHash('sha256').update(`lid ${number}`).digest();
  return `1${String(digest.readUIntBE(0, 6)).padStart(15, '0').slice(-14)}`;
}
