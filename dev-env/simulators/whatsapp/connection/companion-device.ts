import { randomUUID } from 'node:crypto';
import type { BinaryNode } from '@whiskeysockets/baileys';
import type { PrekeyStore } from '../signal/prekey-store.ts';
import { serverJid, stanza } from '../stanzas/nodes.ts';
import type { ClientConnection } from './client-connection.ts';

/** A device of an account: receives messages and publishes keys. Device 0 is the phone. */
export type Device = Readonly<{
  id: number;
  keys: PrekeyStore;
  deliver: (node: BinaryNode) => void;
}>;

/** When delivery to a deaf device resumes. */
type Deafness = 'lifted' | 'next login';

/** A linked device. Stanzas for it are kept until it confirms them, and are sent again at the next login. */
export class CompanionDevice implements Device {
  readonly id: number;
  readonly noiseKey: Buffer;
  readonly keys: PrekeyStore;
  /** Details and account signature of the identity that the phone gave to this device. */
  readonly details: Buffer;
  historySent = false;
  readonly #unacknowledged = new Map<string, BinaryNode>();
  readonly #withheld = new Set<BinaryNode>();
  #connection: ClientConnection | undefined;
  #omitsOfflineMarker = false;
  #deafUntil: Deafness | undefined;

  constructor(id: number, noiseKey: Buffer, keys: PrekeyStore, details: Buffer) {
    this.id = id;
    this.noiseKey = noiseKey;
    this.keys = keys;
    this.details = details;
    keys.onLow = (count) => {
      const attributes = { from: serverJid, type: 'encrypt', id: randomUUID() };
      this.deliver(stanza('notification', attributes, [stanza('count', { value: String(count) })]));
    };
  }

  get connection(): ClientConnection | undefined {
    return this.#connection;
  }

  deliver(node: BinaryNode): void {
    this.#unacknowledged.set(confirmationKey(node.tag, node.attrs), node);
    if (this.#deafUntil === undefined) this.#connection?.send(node);
    else this.#withheld.add(node);
  }

  /** Stops deliveries; queries and acknowledgements still work. */
  deafen(until: Deafness): void {
    this.#deafUntil = until;
  }

  /** Delivers the withheld stanzas at once. */
  undeafen(): void {
    this.#deafUntil = undefined;
    for (const node of this.#withheld) this.#connection?.send(node);
    this.#withheld.clear();
  }

  /** Omits the end marker of the offline stanzas at the next login. */
  omitNextOfflineMarker(): void {
    this.#omitsOfflineMarker = true;
  }

  /** Marks the device online on this connection and delivers the offline stanzas first. */
  attach(connection: ClientConnection): void {
    if (this.#deafUntil === 'next login') this.#deafUntil = undefined;
    this.#withheld.clear();
    const missed: BinaryNode[] = [];
    for (const node of this.#unacknowledged.values()) {
      if (this.#deafUntil === undefined) missed.push(node);
      else this.#withheld.add(node);
    }
    this.#connection = connection;
    if (missed.length > 0) connection.send(offlinePreview(missed));
    for (const [index, node] of missed.entries()) {
      connection.send({ ...node, attrs: { ...node.attrs, offline: String(index) } });
    }
    if (this.#omitsOfflineMarker) {
      this.#omitsOfflineMarker = false;
      return;
    }
    connection.send(stanza('ib', { from: serverJid }, [stanza('offline', { count: String(missed.length) })]));
  }

  /** Marks the device offline, unless a newer connection has replaced this one. */
  detach(connection: ClientConnection): void {
    if (this.#connection === connection) this.#connection = undefined;
  }

  /** `tag` is the kind of stanza that is confirmed; `attrs` are those of the confirmation. */
  confirm(tag: string, attrs: Readonly<Record<string, string>>): void {
    this.#unacknowledged.delete(confirmationKey(tag, attrs));
  }
}

/** A delivery and a read receipt share their id, a message and its receipts too. */
function confirmationKey(tag: string, attrs: Readonly<Record<string, string>>): string {
  return tag === 'receipt' ? `${tag} ${attrs['id']} ${attrs['type'] ?? ''}` : `${tag} ${attrs['id']}`;
}

function offlinePreview(missed: readonly BinaryNode[]): BinaryNode {
  const count = (tag: string): string => String(missed.filter((node) => node.tag === tag).length);
  return stanza('ib', { from: serverJid }, [
    stanza('offline_preview', {
      count: String(missed.length),
      message: count('message'),
      receipt: count('receipt'),
      notification: count('notification'),
      appdata: '0',
    }),
  ]);
}
