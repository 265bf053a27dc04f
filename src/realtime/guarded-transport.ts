import type { EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { MarketplaceClient } from './events.ts';
import { FixedWindow } from './fixed-window.ts';
import type { SocketLimits } from './limits.ts';

/** Called a connection by engine.io; starts with polling or a WebSocket and may be upgraded once. */
export type Transport = MarketplaceClient['conn'];

/** A request with which engine.io opens a WebSocket. */
export type UpgradeRequest = IncomingMessage & {
  /** Set by engine.io after the WebSocket handshake. */
  websocket?: Pick<EventEmitter, 'prependListener' | 'removeAllListeners'> & { terminate(): void };
};

type WebSocket = NonNullable<UpgradeRequest['websocket']>;
type Packet = Readonly<{ type: string; data?: unknown }>;

/** The first characters of Socket.IO packets, in engine.io packets of type `message`. */
const connectPacket = '0';
const connectErrorPacket = '4';

/** One transport with its packet budget, its handshake and its time outside the namespace. */
export class GuardedTransport {
  readonly #transport: Transport;
  readonly #limits: SocketLimits;
  readonly #packets: FixedWindow;
  readonly #onFlood: () => void;
  readonly #webSockets: WebSocket[] = [];
  #connectTimer: NodeJS.Timeout | undefined;
  #refusalTimer: NodeJS.Timeout | undefined;
  #connectReceived = false;
  #refused = false;
  #terminated = false;
  #upgradeRequested = false;

  constructor(
    transport: Transport,
    deps: Readonly<{ monotonicMs: () => number; onFlood: () => void }>,
    limits: SocketLimits,
  ) {
    this.#transport = transport;
    this.#limits = limits;
    this.#packets = new FixedWindow(limits.packets.windowMs, deps.monotonicMs);
    this.#onFlood = deps.onFlood;
    const { websocket } = transport.request as UpgradeRequest;
    // Before engine.io's own listener, and also for what arrives after the transport was closed.
    if (websocket === undefined) transport.transport.prependListener('packet', this.#countPacket);
    else this.watchWebSocket(websocket);
    transport.on('packet', (packet: Packet) => this.#checkPacket(packet));
    transport.on('packetCreate', (packet: Packet) => {
      if (isSocketIoPacket(packet, connectErrorPacket)) this.#closeAfterRefusal();
    });
    transport.once('close', () => this.#handleClose());
    this.leave();
  }

  /** The client has joined the namespace. */
  join(): void {
    clearTimeout(this.#connectTimer);
  }

  /** The client is outside the namespace and must join within the timeout. */
  leave(): void {
    clearTimeout(this.#connectTimer);
    if (this.#transport.readyState === 'closed') return;
    this.#connectTimer = setTimeout(() => this.close(), this.#limits.connectTimeoutMs).unref();
  }

  /** Whether the transport may be upgraded; true at most once, as each attempt holds a WebSocket. */
  requestUpgrade(): boolean {
    const isFirst = !this.#upgradeRequested;
    this.#upgradeRequested = true;
    return isFirst;
  }

  /** Counts the messages, pings and pongs of a WebSocket that belongs to this transport. */
  watchWebSocket(websocket: WebSocket): void {
    this.#webSockets.push(websocket);
    for (const event of ['message', 'ping', 'pong']) websocket.prependListener(event, this.#countPacket);
    if (this.#terminated) this.#terminate();
  }

  /** Closes without waiting for the client to poll. */
  close(): void {
    this.#transport.close(true);
    // `close` does nothing if a previous `close` waits for the next poll.
    if (this.#transport.readyState !== 'closed')
      this.#transport.transport.emit('error', new Error('Transport closed by the server'));
  }

  readonly #countPacket = (): void => {
    if (this.#terminated || this.#packets.increment() <= this.#limits.packets.max) return;
    this.#onFlood();
    this.#terminate();
  };

  /** A transport has one namespace handshake; after a refusal the client may only close. Runs before Socket.IO decodes. */
  #checkPacket(packet: Packet): void {
    if (packet.type !== 'message') return;
    const isConnect = isSocketIoPacket(packet, connectPacket);
    if (this.#refused || (isConnect && this.#connectReceived)) this.#terminate();
    else if (isConnect) this.#connectReceived = true;
  }

  #closeAfterRefusal(): void {
    this.#refused = true;
    // Polling clients receive the error with their next poll; the connect timeout applies until then.
    this.#transport.once('drain', () => {
      this.#refusalTimer ??= setTimeout(() => this.close(), this.#limits.closeGraceMs).unref();
    });
  }

  #handleClose(): void {
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#refusalTimer);
    // A client that does not answer the close frame would keep its WebSocket for another 30 s.
    setTimeout(() => this.#terminate(), this.#limits.closeGraceMs).unref();
  }

  #terminate(): void {
    this.#terminated = true;
    this.close();
    for (const websocket of this.#webSockets) {
      // Frames of the chunk that was read last are still emitted.
      websocket.removeAllListeners('message');
      websocket.terminate();
    }
  }
}

function isSocketIoPacket({ type, data }: Packet, prefix: string): boolean {
  return type === 'message' && typeof data === 'string' && data.startsWith(prefix);
}
