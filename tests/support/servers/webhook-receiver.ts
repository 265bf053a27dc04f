import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { text } from 'node:stream/consumers';

export type ReceivedWebhook = Readonly<{ headers: IncomingHttpHeaders; body: string; receivedAtMs: number }>;

export type WebhookResponse = Readonly<{ status: number; headers?: Record<string, string> }> | 'silence';

/** Webhook receiver of a company: records requests and responds as configured. */
export class WebhookReceiver implements AsyncDisposable {
  readonly requests: ReceivedWebhook[] = [];
  readonly #server: Server;
  #reply: WebhookResponse | Promise<WebhookResponse> = { status: 204 };

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port = 0): Promise<WebhookReceiver> {
    const server = createServer();
    const receiver = new WebhookReceiver(server);
    server.on('request', (request, response) => void receiver.#handle(request, response));
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return receiver;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('Receiver is not listening');
    return address.port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}/hook`;
  }

  /** Response to later requests; a promise delays it. */
  respondWith(reply: WebhookResponse | Promise<WebhookResponse>): void {
    this.#reply = reply;
  }

  /** An aborted request is not recorded. */
  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      this.requests.push({ headers: request.headers, body: await text(request), receivedAtMs: Date.now() });
    } catch {
      return;
    }
    const reply = await this.#reply;
    if (reply !== 'silence') response.writeHead(reply.status, reply.headers).end();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }
}
