import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Faults } from './faults.ts';
import { RateWindow, type RateLimits } from './rate-window.ts';
import { errorReply, type ApiRequest, type Reply } from './reply.ts';

/** One line of the request log; `status` is undefined while unanswered. */
export type LoggedRequest = Readonly<{
  at: number;
  method: string;
  path: string;
  authorization: string;
  body: unknown;
}> & { status: number | undefined };

export type SimulatorHttpServerOptions = Readonly<{
  now: () => number;
  rates: () => RateLimits;
  faults: Faults;
  api: (request: ApiRequest) => Reply;
  /** Everything outside the API: pages for the owner. */
  pages: (method: string, path: string) => Promise<Reply>;
}>;

/** HTTP front of the simulator: logs requests, applies faults, calls the handlers. */
export class SimulatorHttpServer {
  readonly requests: LoggedRequest[] = [];
  readonly #options: SimulatorHttpServerOptions;
  readonly #window = new RateWindow();
  readonly #server: Server;

  constructor(options: SimulatorHttpServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        response.destroy(error instanceof Error ? error : undefined);
      });
    });
  }

  /** @returns the port; 0 picks a free one */
  async listen(port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject).listen(port, '127.0.0.1', resolve);
    await promise;
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('The simulator has no port');
    return address.port;
  }

  async close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeAllConnections();
    await promise;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/', headers } = request;
    const { pathname, searchParams } = new URL(url, 'http://platform');
    const text = Buffer.concat(await request.toArray()).toString('utf8');
    if (!/^\/(?:api\/v1|marketplace)\//.test(pathname)) {
      return respond(response, await this.#options.pages(method, pathname));
    }
    const api: ApiRequest = {
      method,
      path: pathname,
      query: searchParams,
      accept: headers.accept ?? '',
      contentType: headers['content-type'] ?? '',
      authorization: headers.authorization ?? '',
      body: parseJson(text),
    };
    const entry: LoggedRequest = {
      at: this.#options.now(),
      method,
      path: pathname,
      authorization: api.authorization,
      body: api.body,
      status: undefined,
    };
    this.requests.push(entry);
    response.once('finish', () => (entry.status = response.statusCode));
    await this.#answer(api, response);
  }

  async #answer(request: ApiRequest, response: ServerResponse): Promise<void> {
    const { now, rates, faults, api } = this.#options;
    const { retryAfterSeconds } = rates();
    if (!this.#window.admit(now(), rates())) {
      const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) };
      return respond(response, { ...errorReply(429, 'Too many requests.'), headers });
    }
    const fault = faults.next(`${request.method} ${request.path}`);
    switch (fault?.kind) {
      case undefined:
        return respond(response, api(request));
      case 'refuse':
        return respond(response, fault);
      case 'html':
        return respond(response, {
          status: fault.status,
          body: '<html><body>Технические работы</body></html>',
        });
      case 'redirect':
        return respond(response, { status: 302, body: '', headers: { location: fault.location } });
      case 'hang':
        return undefined;
      case 'cut-json': {
        const { status, body } = api(request);
        response.writeHead(status, { 'content-type': 'application/json' });
        const json = JSON.stringify(body);
        response.end(json.slice(0, json.length / 2));
        return undefined;
      }
      case 'lose-answer':
        api(request);
        response.destroy();
        return undefined;
      case 'delay':
        await delay(fault.delayMs);
        return respond(response, api(request));
    }
  }
}

/** A text body is HTML, anything else JSON. */
function respond(response: ServerResponse, { status, body, headers = {} }: Reply): void {
  const isText = typeof body === 'string';
  const type = isText ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8';
  response.writeHead(status, { 'content-type': type, ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
