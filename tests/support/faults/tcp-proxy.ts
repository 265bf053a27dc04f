import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Route = Readonly<{ client: Socket; upstream: Socket }>;

/** A network between two parts of a test that can fail: passes bytes on, swallows what clients send, cuts the line. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #routes = new Set<Route>();
  #targetPort: number | undefined;
  #swallows = false;
  #swallowsAnswers = false;
  /** How many bytes of clients never arrived. */
  swallowedBytes = 0;

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
    if (address === null || typeof address === 'string') throw new Error('The proxy does not listen');
    return address.port;
  }

  /** Where connections go from now on; until then they are refused. */
  forwardTo(port: number): void {
    this.#targetPort = port;
  }

  /** What clients send over the connections of now disappears, while they believe it to have left. */
  swallow(): void {
    this.#swallows = true;
  }

  /** What the other side answers disappears. */
  swallowAnswers(): void {
    this.#swallowsAnswers = true;
  }

  /** Ends every connection without a word; new ones work. */
  cut(): void {
    this.#swallows = false;
    this.#swallowsAnswers = false;
    for (const { client, upstream } of this.#routes) {
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
    const route = { client, upstream };
    this.#routes.add(route);
    client.on('data', (bytes) => {
      if (this.#swallows) this.swallowedBytes += bytes.length;
      else upstream.write(bytes);
    });
    upstream.on('data', (bytes) => {
      if (!this.#swallowsAnswers) client.write(bytes);
    });
    for (const [end, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      end.on('error', () => undefined);
      end.on('close', () => {
        this.#routes.delete(route);
        other.destroy();
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.cut();
    await closed;
  }
}
