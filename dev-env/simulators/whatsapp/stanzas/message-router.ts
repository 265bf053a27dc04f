import type { BinaryNode } from '@whiskeysockets/baileys';
import type { ClientConnection } from '../connection/client-connection.ts';
import type { CompanionDevice, Device } from '../connection/companion-device.ts';
import type { Account } from '../directory.ts';
import { isValidDeviceIdentity } from '../pairing/device-identity.ts';
import { unixSeconds } from '../service.ts';
import type { Service } from '../service.ts';
import { formatJid, parseJid } from './jids.ts';
import type { Addressing } from './jids.ts';
import { nodeBytes, child, children, stanza } from './nodes.ts';

/** The ciphertext for one device. */
export type DeviceCiphertext = Readonly<{ account: Account; device: Device; enc: BinaryNode }>;

/** A message with a copy for each receiving device. */
export type MessageEnvelope = Readonly<{
  id: string;
  from: Account;
  fromDevice: number;
  /** The jid of the other person; the sender's own devices need it to file their copy. */
  chat: string;
  addressing: Addressing;
  copies: readonly DeviceCiphertext[];
  /** Account signature of the sending companion; required with every session setup. */
  deviceIdentity?: BinaryNode | undefined;
  category?: string | undefined;
}>;

const accountRestricted = '463';
const malformed = '479';

/** Acknowledges messages of companions and delivers each device its ciphertext. */
export class MessageRouter {
  readonly #service: Service;
  readonly #seen = new Set<string>();

  constructor(service: Service) {
    this.#service = service;
  }

  fromCompanion(
    connection: ClientConnection,
    from: Account,
    device: CompanionDevice,
    node: BinaryNode,
  ): void {
    const { id = '', to = '' } = node.attrs;
    const envelope = this.#parse(from, device, node);
    const refusal = envelope === undefined ? malformed : this.#rejectionCode(envelope, from);
    const recipient = this.#service.directory.byJid(to)?.number ?? parseJid(to)?.user ?? to;
    if (refusal !== undefined || envelope === undefined) {
      const code = refusal ?? malformed;
      this.#service.log.add({
        type: 'message rejected',
        from: from.number,
        device: device.id,
        to: recipient,
        id,
        code,
      });
      this.#acknowledge(connection, from, node, code);
      return;
    }
    if (envelope.category !== 'peer') {
      const key = `${from.number} ${id}`;
      const duplicate = this.#seen.has(key);
      this.#seen.add(key);
      this.#service.log.add({
        type: 'message',
        from: from.number,
        device: device.id,
        to: recipient,
        id,
        duplicate,
      });
    }
    this.#acknowledge(connection, from, node, undefined);
    this.dispatch(envelope);
  }

  /** Delivers every copy to its device. */
  dispatch(envelope: MessageEnvelope): void {
    const { from, addressing } = envelope;
    const sender = formatJid(from, addressing, envelope.fromDevice);
    const alternative =
      addressing === 'lid'
        ? { addressing_mode: 'lid', sender_pn: formatJid(from, 'pn') }
        : { sender_lid: formatJid(from, 'lid') };
    for (const { account, device, enc } of envelope.copies) {
      account.recordIncoming(from);
      const content = [enc];
      if (envelope.deviceIdentity && enc.attrs['type'] === 'pkmsg') content.push(envelope.deviceIdentity);
      const isOwnCopy = account === from && envelope.category !== 'peer';
      const message = stanza(
        'message',
        {
          from: sender,
          id: envelope.id,
          type: 'text',
          t: unixSeconds(this.#service),
          notify: from.primary.name,
          category: envelope.category,
          recipient: isOwnCopy ? envelope.chat : undefined,
          ...(account === from ? {} : alternative),
        },
        content,
      );
      this.#service.timers.after(this.#service.config.deliveryDelayMs, () => device.deliver(message));
    }
  }

  /** @returns undefined for a stanza that the service would reject */
  #parse(from: Account, device: CompanionDevice, node: BinaryNode): MessageEnvelope | undefined {
    const { id, to, category, recipient } = node.attrs;
    const address = parseJid(to);
    if (!id || to === undefined || address === undefined) return undefined;
    const encs = children(child(node, 'participants'), 'to').map(
      (participant) => [participant.attrs['jid'], child(participant, 'enc')] as const,
    );
    // Peer messages and answers to a retry receipt carry one ciphertext, for the addressee alone.
    const direct = child(node, 'enc');
    if (direct) encs.push([to, direct]);
    const copies: DeviceCiphertext[] = [];
    for (const [jid, enc] of encs) {
      const account = this.#service.directory.byJid(jid);
      const target = account?.device(parseJid(jid)?.device ?? 0);
      if (account && target && enc) copies.push({ account, device: target, enc });
    }
    const deviceIdentity = child(node, 'device-identity');
    const startsSession = encs.some(([, enc]) => enc?.attrs['type'] === 'pkmsg');
    if (startsSession && !hasValidDeviceIdentity(deviceIdentity, device, from)) return undefined;
    return {
      id,
      from,
      fromDevice: device.id,
      chat: recipient ?? to,
      addressing: address.addressing,
      copies,
      deviceIdentity,
      category,
    };
  }

  #rejectionCode(envelope: MessageEnvelope, from: Account): string | undefined {
    const to = this.#service.directory.byJid(envelope.chat);
    if (envelope.category === 'peer' || to === from) return undefined;
    const { messageRejection, lidAddressingRequired, restrictions } = this.#service.faults;
    const rejection = messageRejection.valueFor(from.number);
    if (rejection !== undefined) return rejection;
    const needsLid = lidAddressingRequired || to?.isMigratedToLid === true;
    if (needsLid && envelope.addressing === 'pn') return accountRestricted;
    return to && restrictions.forbids(from, to) ? accountRestricted : undefined;
  }

  #acknowledge(
    connection: ClientConnection,
    from: Account,
    node: BinaryNode,
    error: string | undefined,
  ): void {
    const { config, faults, log, timers } = this.#service;
    if (faults.acksWithheld.valueFor(from.number) === true) return;
    const { id = '', to } = node.attrs;
    timers.after(faults.ackDelayMs.valueFor(from.number) ?? config.ackDelayMs, () => {
      connection.send(
        stanza('ack', { class: 'message', id, from: to, t: unixSeconds(this.#service), error }),
      );
      if (error === undefined) log.add({ type: 'acknowledged', from: from.number, id });
    });
  }
}

function hasValidDeviceIdentity(
  deviceIdentity: BinaryNode | undefined,
  device: CompanionDevice,
  account: Account,
): boolean {
  return isValidDeviceIdentity(
    nodeBytes(deviceIdentity),
    device.details,
    device.keys.identityKey,
    account.primary.keys.identityKey,
  );
}
