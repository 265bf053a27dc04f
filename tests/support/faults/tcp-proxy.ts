import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type ProxiedConnection = Readonly<{ client: Socket; upstream: Socket }>;

/** TCP proxy with faults: forwards bytes, drops them in either direction, closes connections. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  #targetPort: number | undefined;
  #dropsClientData = false;
  #dropsResponses = false;
  /** Bytes of clients that were dropped. */
  droppedBytes = 0;

  /** Use `start`. */
  constructor() {
    this.#server = createServer((client) => this.#accept(client));
  }

  static async start(): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address: AddressInfo | string | null = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('Proxy is not listening');
    return address.port;
  }

  /** Forwards new connections to this port; before the first call connections are refused. */
  forwardTo(port: number): void {
    this.#targetPort = port;
  }

  /** Drops what clients send over the current connections. */
  dropClientData(): void {
    this.#dropsClientData = true;
  }

  /** Drops the responses of the server. */
  dropResponses(): void {
    this.#dropsResponses = true;
  }

  /** Closes every connection; new ones work. */
  closeConnections(): void {
    this.#dropsClientData = false;
    this.#dropsResponses = false;
    for (const { client, upstream } of this.#connections) {
      client.destroy();
      upstream.destroy();
    }
  }

  #accept(client: Socket): void {
    if (this.#targetPort === undefined) {
      client.destroy();
      return;
    }
    const upstream = connect(this.#targetPort, '127.0.0.1');
    const connection = { client, upstream };
    this.#connections.add(connection);
    client.on('data', (bytes) => {
      if (this.#dropsClientData) this.droppedBytes += bytes.length;
      else upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!this.#dropsResponses) client.write(bytes);
    });
    for (const [end, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      end.on('error', () => undefined);
      end.on('close', () => {
        this.#connections.delete(connection);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.closeConnections();
    await closed;
  }
}
