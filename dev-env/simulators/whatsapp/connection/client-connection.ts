import type { Duplex } from 'node:stream';
import { decodeBinaryNode, encodeBinaryNode } from '@whiskeysockets/baileys';
import type { BinaryNode } from '@whiskeysockets/baileys';
import type { RawData, WebSocket } from 'ws';
import { stanza } from '../stanzas/nodes.ts';
import { frame, FrameReader } from './frame-codec.ts';
import type { LoginRefusal } from './login-refusal.ts';
import { NoiseResponder } from './noise-responder.ts';
import type { FinishedHandshake, NoiseIdentity, TransportCipher } from './noise-responder.ts';

export type NodeHandler = (node: BinaryNode) => void | Promise<void>;

/** The WebSocket of a client and the TCP connection under it. */
export type ClientSocket = Readonly<{ socket: WebSocket; wire: Duplex }>;

type ConnectionEvents = Readonly<{
  /** The client has sent its noise key and payload; stanzas can be sent from now on. */
  identified: (connection: ClientConnection, handshake: FinishedHandshake) => void | Promise<void>;
  closed: (connection: ClientConnection) => void;
  failed: (error: unknown) => void;
}>;

/** One encrypted connection of a client. Frames are handled strictly in order. */
export class ClientConnection {
  readonly id: number;
  /** Receives decrypted stanzas; set by the session that takes the connection after its identification. */
  onNode: NodeHandler = () => undefined;
  onClose: () => void = () => undefined;
  readonly #socket: WebSocket;
  readonly #wire: Duplex;
  readonly #events: ConnectionEvents;
  readonly #noise: NoiseResponder;
  readonly #reader = new FrameReader();
  #transport: TransportCipher | undefined;
  #helloReceived = false;
  #pending: Promise<void> = Promise.resolve();
  #frozen: PromiseWithResolvers<void> | undefined;
  #bufferedNodes: BinaryNode[] = [];
  #isHalfOpen = false;

  constructor(id: number, { socket, wire }: ClientSocket, identity: NoiseIdentity, events: ConnectionEvents) {
    this.id = id;
    this.#socket = socket;
    this.#wire = wire;
    this.#events = events;
    this.#noise = new NoiseResponder(identity);
    socket.on('message', (data) => this.#receive(data));
    socket.on('error', () => socket.terminate());
    socket.on('close', () => {
      this.unfreeze();
      this.onClose();
      events.closed(this);
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** Sends a stanza; on a closed connection it is lost, on a frozen one it waits. */
  send(node: BinaryNode): void {
    if (this.#frozen) {
      this.#bufferedNodes.push(node);
      return;
    }
    if (!this.isOpen || this.#isHalfOpen || this.#transport === undefined) return;
    this.#socket.send(frame(this.#transport.encrypt(encodeBinaryNode(node))));
  }

  /** Ends the stream as the service does: sends an error stanza, then closes the socket after a delay. */
  endStream(node: BinaryNode, afterMs: number): void {
    this.send(node);
    setTimeout(() => this.#close(), afterMs).unref();
  }

  fail(failure: LoginRefusal, afterMs: number): void {
    this.endStream(stanza('failure', { ...failure, location: 'rva' }), afterMs);
  }

  /** Closes the TCP connection without a stanza or a WebSocket close frame. */
  drop(): void {
    this.#socket.terminate();
  }

  /**
   * Drops bytes both ways while the socket stays open, as after a router lost its NAT entry. The closing handshake of the
   * WebSocket is dropped too; ended by `drop` or by the client closing its TCP connection.
   */
  halfOpen(): void {
    this.#isHalfOpen = true;
    this.#wire.removeAllListeners('data');
    this.#wire.resume();
  }

  /** Neither answers nor sends anything until `thaw`; the socket stays open. */
  freeze(): void {
    this.#frozen ??= Promise.withResolvers();
  }

  unfreeze(): void {
    const frozen = this.#frozen;
    this.#frozen = undefined;
    for (const node of this.#bufferedNodes.splice(0)) this.send(node);
    frozen?.resolve();
  }

  #close(): void {
    if (!this.#isHalfOpen) this.#socket.close();
  }

  #receive(data: RawData): void {
    if (this.#isHalfOpen) return;
    const bytes = Array.isArray(data)
      ? Buffer.concat(data)
      : Buffer.from(data instanceof ArrayBuffer ? new Uint8Array(data) : data);
    this.#pending = this.#pending.then(() => this.#read(bytes));
  }

  async #read(bytes: Buffer): Promise<void> {
    try {
      for (const body of this.#reader.push(bytes)) await this.#handle(body);
    } catch (error) {
      this.#events.failed(error);
      this.drop();
    }
  }

  async #handle(body: Buffer): Promise<void> {
    await this.#frozen?.promise;
    if (this.#transport) {
      await this.onNode(await decodeBinaryNode(this.#transport.decrypt(body)));
    } else if (this.#helloReceived) {
      const handshake = this.#noise.handleClientFinish(body);
      this.#transport = handshake.transport;
      await this.#events.identified(this, handshake);
    } else {
      this.#helloReceived = true;
      this.#socket.send(frame(this.#noise.handleClientHello(body)));
    }
  }
}
