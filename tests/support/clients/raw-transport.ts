import { once } from 'node:events';
import { WebSocket } from 'ws';
import { waitFor } from '../../../dev-env/wait-for.ts';

type RawOptions = Readonly<{ sid?: string; headers?: Record<string, string> }>;

/** A WebSocket of engine.io that sends only the given packets and no pongs. */
export class RawWebSocket implements Disposable {
  readonly socket: WebSocket;
  readonly received: string[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => this.received.push((data as Buffer).toString()));
    socket.on('error', () => undefined);
  }

  /** @returns undefined if the handshake is refused */
  static async open(url: string, options: RawOptions = {}): Promise<RawWebSocket | undefined> {
    const socket = new WebSocket(transportUrl(url.replace('http', 'ws'), 'websocket', options.sid), {
      headers: options.headers ?? {},
    });
    const raw = new RawWebSocket(socket);
    const isOpen = await Promise.race([
      once(socket, 'open').then(() => true),
      once(socket, 'unexpected-response').then(() => false),
    ]).catch(() => false);
    return isOpen ? raw : undefined;
  }

  send(...packets: readonly string[]): void {
    for (const packet of packets) this.socket.send(packet);
  }

  get isClosed(): boolean {
    return this.socket.readyState === WebSocket.CLOSED;
  }

  async closed(timeoutMs = 1000): Promise<void> {
    await waitFor('the server to close the WebSocket', () => this.isClosed, timeoutMs);
  }

  async packet(prefix: string): Promise<string> {
    return await waitFor(`a packet ${prefix}`, () =>
      this.received.find((packet) => packet.startsWith(prefix)),
    );
  }

  [Symbol.dispose](): void {
    this.socket.terminate();
  }
}

/** A polling transport of engine.io that polls only on request. */
export class RawPolling {
  readonly sid: string;
  readonly #url: string;

  private constructor(url: string, sid: string) {
    this.#url = url;
    this.sid = sid;
  }

  /** @returns undefined if the handshake is refused */
  static async open(url: string, { headers }: RawOptions = {}): Promise<RawPolling | undefined> {
    // `fetch` sends `Sec-Fetch-Mode`, so the server takes it for a browser.
    const response = await fetch(transportUrl(url, 'polling'), {
      headers: { 'sec-fetch-site': 'same-origin', ...headers },
    });
    if (!response.ok) return undefined;
    const { sid } = JSON.parse((await response.text()).slice(1)) as { sid: string };
    return new RawPolling(url, sid);
  }

  /** Sends the packets in one request. @returns false if the transport is closed */
  async send(...packets: readonly string[]): Promise<boolean> {
    const request = fetch(transportUrl(this.#url, 'polling', this.sid), {
      method: 'POST',
      body: packets.join('\u001E'),
    });
    return await request.then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** @returns the packets, or undefined if the transport is closed */
  async poll(): Promise<readonly string[] | undefined> {
    const response = await fetch(transportUrl(this.#url, 'polling', this.sid));
    return response.ok ? (await response.text()).split('\u001E') : undefined;
  }

  /** Sends a packet without effect until the transport is closed. */
  async closed(timeoutMs = 1000): Promise<void> {
    await waitFor('the server to close the transport', async () => !(await this.send('6')), timeoutMs);
  }
}

function transportUrl(base: string, transport: string, sid?: string): string {
  return `${base}/socket.io/?EIO=4&transport=${transport}${sid === undefined ? '' : `&sid=${sid}`}`;
}
