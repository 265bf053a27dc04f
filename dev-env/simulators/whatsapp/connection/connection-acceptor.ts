import type { proto } from '@whiskeysockets/baileys';
import type { PairingRegistry } from '../pairing/pairing-registry.ts';
import { RegistrationSession } from '../pairing/registration-session.ts';
import type { Service } from '../service.ts';
import { InvalidKeyError } from '../signal/prekey-store.ts';
import type { MessageRouter } from '../stanzas/message-router.ts';
import type { ReceiptRouter } from '../stanzas/receipt-router.ts';
import { ClientConnection } from './client-connection.ts';
import type { ClientSocket } from './client-connection.ts';
import { isOlder, announcedVersion } from './client-version.ts';
import { DeviceSession } from './device-session.ts';
import type { LoginRefusal } from './login-refusal.ts';
import { createNoiseIdentity } from './noise-responder.ts';
import type { FinishedHandshake } from './noise-responder.ts';

type Handlers = Readonly<{ pairing: PairingRegistry; messages: MessageRouter; receipts: ReceiptRouter }>;

const unknownDevice = { reason: '401' };
const outdatedClient = { reason: '405' };

/** Accepts clients that register and linked devices that prove their identity. */
export class ConnectionAcceptor {
  readonly #service: Service;
  readonly #handlers: Handlers;
  readonly #identity;
  readonly #connections = new Set<ClientConnection>();
  #lastConnection = 0;

  constructor(service: Service, handlers: Handlers) {
    this.#service = service;
    this.#handlers = handlers;
    this.#identity = createNoiseIdentity(service.config.now());
  }

  get connections(): readonly ClientConnection[] {
    return [...this.#connections];
  }

  accept(socket: ClientSocket): void {
    const { log, timers, config } = this.#service;
    this.#lastConnection += 1;
    const connection = new ClientConnection(this.#lastConnection, socket, this.#identity, {
      identified: (self, handshake) =>
        timers.after(config.firstFrameDelayMs, () => this.#admit(self, handshake)),
      closed: (self) => {
        this.#connections.delete(self);
        log.add({ type: 'disconnected', connection: self.id });
      },
      failed: (error) =>
        log.add({ type: 'error', message: `connection ${this.#lastConnection}: ${String(error)}` }),
    });
    this.#connections.add(connection);
    log.add({ type: 'connected', connection: connection.id });
  }

  #admit(connection: ClientConnection, { payload, clientKey }: FinishedHandshake): void {
    if (payload.devicePairingData) {
      this.#register(connection, payload, clientKey, payload.devicePairingData);
    } else {
      this.#login(connection, payload, clientKey);
    }
  }

  #register(
    connection: ClientConnection,
    payload: proto.ClientPayload,
    clientKey: Buffer,
    data: proto.ClientPayload.IDevicePairingRegistrationData,
  ): void {
    const { config, log } = this.#service;
    log.add({
      type: 'registration',
      connection: connection.id,
      clientVersion: announcedVersion(payload).join('.'),
    });
    const refusal = this.#loginRefusal(payload);
    if (refusal !== undefined) {
      log.add({ type: 'registration refused', connection: connection.id, code: refusal.reason });
      connection.fail(refusal, config.closeDelayMs);
      return;
    }
    try {
      const session = new RegistrationSession(this.#service, connection, clientKey, data);
      connection.onNode = (node) => session.handle(node);
      connection.onClose = () => this.#handlers.pairing.remove(session);
      this.#handlers.pairing.add(session);
      session.offerRefs();
    } catch (error) {
      if (!(error instanceof InvalidKeyError)) throw error;
      connection.fail({ reason: '400' }, config.closeDelayMs);
    }
  }

  #login(connection: ClientConnection, payload: proto.ClientPayload, clientKey: Buffer): void {
    const { config, directory, faults, log } = this.#service;
    const number = String(payload.username);
    const device = payload.device ?? 0;
    if (faults.frozen.has(number)) connection.freeze();
    const account = directory.byNumber(number);
    const companion = account?.companion(device);
    const isKnown = companion !== undefined && companion.noiseKey.equals(clientKey);
    const refusal = this.#loginRefusal(payload, number);
    if (refusal || !isKnown || account === undefined) {
      const failure = refusal ?? unknownDevice;
      log.add({ type: 'login refused', number, device, code: failure.reason });
      connection.fail(failure, config.closeDelayMs);
      return;
    }
    const clientVersion = announcedVersion(payload).join('.');
    log.add({ type: 'login', number, device, connection: connection.id, clientVersion });
    const session = new DeviceSession(this.#service, connection, account, companion, this.#handlers);
    connection.onNode = (node) => session.handle(node);
    connection.onClose = () => session.handleClose();
    session.open();
  }

  #loginRefusal(payload: proto.ClientPayload, number?: string): LoginRefusal | undefined {
    const { loginRefusal, oldestVersion } = this.#service.faults;
    const isOutdated = oldestVersion !== undefined && isOlder(announcedVersion(payload), oldestVersion);
    return isOutdated ? outdatedClient : loginRefusal.valueFor(number);
  }
}
