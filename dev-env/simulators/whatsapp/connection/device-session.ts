import { randomBytes } from 'node:crypto';
import type { BinaryNode } from '@whiskeysockets/baileys';
import type { Account } from '../directory.ts';
import { unixSeconds } from '../service.ts';
import type { Service } from '../service.ts';
import { answerKeyQuery } from '../signal/key-queries.ts';
import { formatJid } from '../stanzas/jids.ts';
import type { MessageRouter } from '../stanzas/message-router.ts';
import { child, result, serverJid, stanza } from '../stanzas/nodes.ts';
import { describeQuery, applyQueryFault } from '../stanzas/query-failure.ts';
import { answerGeneralQuery } from '../stanzas/query-router.ts';
import type { ReceiptRouter } from '../stanzas/receipt-router.ts';
import { answerUsync } from '../stanzas/usync.ts';
import type { ClientConnection } from './client-connection.ts';
import type { CompanionDevice } from './companion-device.ts';
import { streamError } from './stream-errors.ts';

/** A linked device that has logged in on a connection. */
export class DeviceSession {
  readonly #service: Service;
  readonly #connection: ClientConnection;
  readonly #account: Account;
  readonly #device: CompanionDevice;
  readonly #messages: MessageRouter;
  readonly #receipts: ReceiptRouter;

  constructor(
    service: Service,
    connection: ClientConnection,
    account: Account,
    device: CompanionDevice,
    routers: Readonly<{ messages: MessageRouter; receipts: ReceiptRouter }>,
  ) {
    this.#service = service;
    this.#connection = connection;
    this.#account = account;
    this.#device = device;
    this.#messages = routers.messages;
    this.#receipts = routers.receipts;
  }

  /** Ends an older connection of the same device (440), sends `success` and delivers the offline stanzas. */
  open(): void {
    const { config, log } = this.#service;
    const number = this.#account.number;
    const previous = this.#device.connection;
    if (previous) {
      previous.endStream(streamError(440), config.closeDelayMs);
      log.add({ type: 'replaced', number, device: this.#device.id });
    }
    this.#connection.send(
      stanza('success', {
        t: unixSeconds(this.#service),
        props: '0',
        companion_enc_static: 'NULL',
        lid: formatJid(this.#account, 'lid', this.#device.id),
        display_name: this.#account.primary.name,
        abprops: '0',
        group_abprops: '0',
        location: 'frc',
        creation: unixSeconds(this.#service),
      }),
    );
    const routing = stanza('edge_routing', {}, [stanza('routing_info', {}, randomBytes(8))]);
    this.#connection.send(stanza('ib', { from: serverJid }, [routing]));
    this.#device.attach(this.#connection);
  }

  handleClose(): void {
    this.#device.detach(this.#connection);
  }

  handle(node: BinaryNode): void {
    switch (node.tag) {
      case 'iq':
        this.#handleQuery(node);
        return;
      case 'message':
        this.#messages.fromCompanion(this.#connection, this.#account, this.#device, node);
        return;
      case 'receipt':
        this.#receipts.fromCompanion(this.#connection, this.#account, this.#device, node);
        return;
      case 'ack':
        this.#device.confirm(node.attrs['class'] ?? '', node.attrs);
        return;
      case 'chatstate':
        this.#logTyping(node);
        return;
      default:
      // Presence and telemetry get no response.
    }
  }

  #handleQuery(request: BinaryNode): void {
    const { attrs } = request;
    if (attrs['type'] === 'result' || attrs['type'] === 'error') return;
    if (applyQueryFault(this.#service, this.#connection, request, this.#account.number)) return;
    switch (attrs['xmlns'] ?? '') {
      case 'encrypt':
        this.#connection.send(
          answerKeyQuery(this.#service.directory, this.#device, request, (count) => this.#logUpload(count)),
        );
        return;
      case 'usync':
        this.#connection.send(answerUsync(this.#service.directory, request));
        return;
      case 'passive':
        this.#connection.send(result(request));
        this.#sendHistoryOnce();
        return;
      case 'md':
        this.#connection.send(result(request));
        if (child(request, 'remove-companion-device')) this.#logout();
        return;
      default:
        this.#connection.send(this.#answerGeneralQuery(request) ?? this.#answerUnknown(request));
    }
  }

  #answerGeneralQuery(request: BinaryNode): BinaryNode | undefined {
    const { restrictions } = this.#service.faults;
    return answerGeneralQuery(request, restrictions.describe(this.#account.number));
  }

  #logTyping({ attrs, content }: BinaryNode): void {
    const [state] = Array.isArray(content) ? content : [];
    this.#service.log.add({
      type: 'typing',
      from: this.#account.number,
      to: this.#service.directory.byJid(attrs['to'])?.number ?? '',
      state: state?.tag ?? '',
    });
  }

  #logUpload(count: number): void {
    this.#service.log.add({
      type: 'prekeys uploaded',
      number: this.#account.number,
      device: this.#device.id,
      count,
    });
  }

  #sendHistoryOnce(): void {
    if (this.#device.historySent) return;
    this.#device.historySent = true;
    this.#account.primary.sendInitialHistory(this.#device);
  }

  #logout(): void {
    this.#service.log.add({ type: 'logout', number: this.#account.number, device: this.#device.id });
    removeDevice(this.#service, this.#account, this.#device);
  }

  #answerUnknown(request: BinaryNode): BinaryNode {
    this.#service.log.add({ type: 'unknown query', number: this.#account.number, ...describeQuery(request) });
    return result(request);
  }
}

/** Unlinks the device: its stream and every later login end with 401. */
export function removeDevice(service: Service, account: Account, device: CompanionDevice): void {
  account.unlink(device.id);
  service.log.add({ type: 'device removed', number: account.number, device: device.id });
  device.connection?.endStream(streamError(401), service.config.closeDelayMs);
}
