import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { ClientVersion } from './connection/client-version.ts';
import { ConnectionAcceptor } from './connection/connection-acceptor.ts';
import { streamError } from './connection/stream-errors.ts';
import { Directory } from './directory.ts';
import { EventLog } from './event-log.ts';
import type { LoggedEvent } from './event-log.ts';
import { Faults } from './faults/faults.ts';
import type { SecretRefresh } from './faults/faults.ts';
import type { ReachoutTimelock } from './faults/restrictions.ts';
import { defaultConfig } from './options.ts';
import type { WhatsAppSimulatorOptions } from './options.ts';
import { PairingRegistry } from './pairing/pairing-registry.ts';
import type { PasskeyStep } from './pairing/passkey-challenge.ts';
import { SimulatedPhone } from './phone/simulated-phone.ts';
import type { Service } from './service.ts';
import { MessageRouter } from './stanzas/message-router.ts';
import { serverJid, stanza } from './stanzas/nodes.ts';
import { ReceiptRouter } from './stanzas/receipt-router.ts';
import { Timers } from './timers.ts';

/** A local WhatsApp service for unmodified client libraries. */
export class WhatsAppSimulator implements AsyncDisposable {
  readonly #http: Server = createServer((_request, response) => response.writeHead(426).end());
  readonly #service: Service;
  readonly #acceptor: ConnectionAcceptor;
  readonly #pairing = new PairingRegistry();
  readonly #messages: MessageRouter;
  readonly #receipts: ReceiptRouter;
  readonly #phones = new Map<string, SimulatedPhone>();

  /** Use `start`, which also listens. */
  constructor(options: WhatsAppSimulatorOptions = {}) {
    const config = { ...defaultConfig, ...options };
    const log = new EventLog(config.now);
    const report = (error: unknown): void => log.add({ type: 'error', message: String(error) });
    this.#service = {
      config,
      log,
      faults: new Faults(config.now),
      directory: new Directory(),
      timers: new Timers(report),
    };
    this.#messages = new MessageRouter(this.#service);
    this.#receipts = new ReceiptRouter(this.#service);
    this.#acceptor = new ConnectionAcceptor(this.#service, {
      pairing: this.#pairing,
      messages: this.#messages,
      receipts: this.#receipts,
    });
    const sockets = new WebSocketServer({ noServer: true });
    this.#http.on('upgrade', (request, wire, head) => {
      const refusal = this.#service.faults.upgradeRefusal;
      if (refusal === undefined)
        sockets.handleUpgrade(request, wire, head, (socket) => this.#acceptor.accept({ socket, wire }));
      else wire.end(`HTTP/1.1 ${refusal} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    });
  }

  static async start(options: WhatsAppSimulatorOptions = {}): Promise<WhatsAppSimulator> {
    const simulator = new WhatsAppSimulator(options);
    simulator.#http.listen(simulator.#service.config.port, '127.0.0.1');
    await once(simulator.#http, 'listening');
    return simulator;
  }

  /** For the `waWebSocketUrl` option of the client. */
  get url(): string {
    const address: AddressInfo | string | null = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('Simulator is not listening');
    return `ws://127.0.0.1:${address.port}/ws/chat`;
  }

  /** All events, oldest first. */
  get log(): readonly LoggedEvent[] {
    return this.#service.log.events;
  }

  /** The phone of a number, in digits; the number is registered with WhatsApp on first use. */
  phone(number: string, name = `Person ${number.slice(-4)}`): SimulatedPhone {
    const known = this.#phones.get(number);
    if (known) return known;
    const phone = new SimulatedPhone(number, name, {
      service: this.#service,
      pairing: this.#pairing,
      messages: this.#messages,
      receipts: this.#receipts,
    });
    this.#phones.set(number, phone);
    return phone;
  }

  /**
   * Rejects every login and registration with this failure, such as 403, 405 or 503, until it is cleared; with a phone, only
   * the logins of its devices. A temporary ban, 402, carries a `code` for its cause and the seconds until it expires.
   */
  refuseLogins(
    code: number | undefined,
    attributes: Readonly<Record<string, string>> = {},
    of?: SimulatedPhone,
  ): void {
    const refusal = code === undefined ? undefined : { ...attributes, reason: String(code) };
    this.#service.faults.loginRefusal.set(refusal, of?.number);
  }

  /** Refuses clients that announce an older version than this, with 405. */
  requireClientVersion(oldest: ClientVersion | undefined): void {
    this.#service.faults.oldestVersion = oldest;
  }

  /** Answers every attempt to open a WebSocket with this HTTP status. */
  refuseUpgrades(httpStatus: number | undefined): void {
    this.#service.faults.upgradeRefusal = httpStatus;
  }

  /** Queries of this xmlns, or of one kind such as `encrypt/key`, get no answer, of this phone's devices or of all. */
  silenceQueries(kind: string, on: boolean, of?: SimulatedPhone): void {
    this.#service.faults.queries.set(kind, on ? 'silence' : undefined, of?.number);
  }

  /** Queries of this xmlns, or of one kind such as `usync/usync`, are answered with 429. */
  limitQueries(kind: string, on: boolean, of?: SimulatedPhone): void {
    this.#service.faults.queries.set(kind, on ? 'limit' : undefined, of?.number);
  }

  /** Replaces the default delay of acknowledgements; undefined restores it. */
  delayAcks(delayMs: number | undefined, of?: SimulatedPhone): void {
    this.#service.faults.ackDelayMs.set(delayMs, of?.number);
  }

  /** Delivers messages without acknowledging them. */
  withholdAcks(on: boolean, of?: SimulatedPhone): void {
    this.#service.faults.acksWithheld.set(on ? true : undefined, of?.number);
  }

  /** Every message to another person is refused with this error, such as '463' or '429', and not delivered. */
  rejectMessages(errorCode: string | undefined, of?: SimulatedPhone): void {
    this.#service.faults.messageRejection.set(errorCode, of?.number);
  }

  /** Messages addressed by phone number are refused with 463; the hidden identity must be used. */
  requireLidAddressing(on: boolean): void {
    this.#service.faults.lidAddressingRequired = on;
  }

  /**
   * Refuses messages of this account that start a new chat with 463. A query for the lock returns this one until it has
   * ended; with null, none.
   */
  restrict(phone: SimulatedPhone, lock: ReachoutTimelock | null): void {
    this.#service.faults.restrictions.set(phone.number, lock);
  }

  liftRestriction(phone: SimulatedPhone): void {
    this.#service.faults.restrictions.lift(phone.number);
  }

  /** Notifies the devices of this phone of its lock and the end time. */
  announceRestriction(phone: SimulatedPhone): void {
    const update = this.#service.faults.restrictions.notification(phone.number);
    const attributes = { from: serverJid, type: 'mex', id: randomUUID() };
    for (const device of phone.companions) device.deliver(stanza('notification', attributes, [update]));
  }

  /** The first scan by this phone fails until the companion has replaced the secret in its QR code. */
  requireSecretRefresh(
    phone: SimulatedPhone,
    on: boolean,
    tag: SecretRefresh = 'companion_reg_refresh',
  ): void {
    const { secretRefreshRequired } = this.#service.faults;
    if (on) secretRefreshRequired.set(phone.number, tag);
    else secretRefreshRequired.delete(phone.number);
  }

  /** Rejects every request for a pairing code with this error, such as 400, until it is cleared. */
  refusePairingCodes(errorCode: number | undefined): void {
    this.#service.faults.codeRefusal = errorCode;
  }

  /** Sends an empty notification to the device that shows a pairing code for this phone. */
  sendIncompleteCodeNotice(phone: SimulatedPhone): void {
    const session = this.#pairing.findByNumber(phone.number);
    if (session === undefined) throw new Error('No device shows a pairing code for this number');
    session.code.sendIncompleteNotification();
  }

  /** Requires a passkey for linking, which no companion here supports. */
  requirePasskey(phone: SimulatedPhone, on: boolean, step: PasskeyStep = 'passkey_prologue_request'): void {
    const { passkeyRequired } = this.#service.faults;
    if (on) passkeyRequired.set(phone.number, step);
    else passkeyRequired.delete(phone.number);
  }

  /** Closes every TCP connection without a stanza. */
  dropAll(): void {
    for (const connection of this.#acceptor.connections) connection.drop();
  }

  /** Ends every stream with this error, as a restart of the service does with 503. */
  endAll(code: number): void {
    for (const connection of this.#acceptor.connections)
      connection.endStream(streamError(code), this.#service.config.closeDelayMs);
  }

  /** Ends the streams of this phone's devices with an error, such as 515 or 440; after 401 they are linked no more. */
  endStreams(phone: SimulatedPhone, code: number): void {
    for (const device of phone.companions) {
      if (code === 401) phone.removeDevice(device.id);
      else device.connection?.endStream(streamError(code), this.#service.config.closeDelayMs);
    }
  }

  /**
   * Drops bytes both ways on the current connections of this phone's devices; the sockets stay open and new ones work.
   */
  halfOpen(phone: SimulatedPhone): void {
    for (const device of phone.companions) device.connection?.halfOpen();
  }

  /**
   * Answers pings, queries and messages of this phone's devices but delivers nothing to them: no message, receipt or
   * notification, until `undeafen` or, optionally, their next login.
   */
  deafen(phone: SimulatedPhone, until: 'lifted' | 'next login' = 'lifted'): void {
    for (const device of phone.companions) device.deafen(until);
  }

  undeafen(phone: SimulatedPhone): void {
    for (const device of phone.companions) device.undeafen();
  }

  /** Delivers the offline stanzas at the next login of this phone's devices without their end marker. */
  omitNextOfflineMarker(phone: SimulatedPhone): void {
    for (const device of phone.companions) device.omitNextOfflineMarker();
  }

  /** Stops all responses to this phone's devices, on current and new connections. */
  freeze(phone: SimulatedPhone): void {
    this.#service.faults.frozen.add(phone.number);
    for (const device of phone.companions) device.connection?.freeze();
  }

  unfreeze(phone: SimulatedPhone): void {
    this.#service.faults.frozen.delete(phone.number);
    for (const device of phone.companions) device.connection?.unfreeze();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#service.timers.clear();
    this.dropAll();
    const closed = once(this.#http, 'close');
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
  }
}
