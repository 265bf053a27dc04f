import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { extname, join } from 'node:path';
import { ActionError, perform } from './actions.ts';
import type { DemoSimulation } from './demo-simulation.ts';
import { ReverseProxy } from './reverse-proxy.ts';
import { StateStream } from './state-stream.ts';

const host = '127.0.0.1';
const maxBodyBytes = 16_384;

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};

type OpenDemo = Readonly<{
  simulation: DemoSimulation;
  live: StateStream;
  proxy: ReverseProxy;
  policy: string;
}>;

/**
 * The one origin of the demo: `/demo/…` is its own page, everything else is the real server. The demo page can therefore
 * read the QR code that the real connect page shows.
 */
export class DemoServer implements AsyncDisposable {
  readonly #http: Server = createServer((request, response) => this.#answer(request, response));
  #open: OpenDemo | undefined;
  #broadcasting: Promise<void> | undefined;

  /** @throws Error with code `EADDRINUSE` when another program has the port; 0 picks a free one */
  static async listen(port: number): Promise<DemoServer> {
    const demo = new DemoServer();
    demo.#http.on('upgrade', (request, socket, head: Buffer) => {
      if (demo.#open === undefined) socket.destroy();
      else demo.#open.proxy.upgrade(request, socket, head);
    });
    demo.#http.listen(port, host);
    await once(demo.#http, 'listening');
    return demo;
  }

  get origin(): string {
    const address = this.#http.address();
    if (address === null || typeof address === 'string') throw new Error('Demo server is not listening');
    return `http://${host}:${address.port}`;
  }

  /** Starts serving pages. */
  serve(simulation: DemoSimulation, serverUrl: string): void {
    const live = new StateStream(simulation);
    const proxy = new ReverseProxy(serverUrl, (location) => simulation.handleRedirect(location));
    const { origin: marketplace } = new URL(simulation.state.marketplaceUrl);
    const policy = `default-src 'self'; frame-src 'self' ${marketplace}; frame-ancestors 'none'; base-uri 'none'`;
    this.#open = { simulation, live, proxy, policy };
    this.#broadcasting = live.run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#open?.live[Symbol.dispose]();
    const closed = once(this.#http, 'close');
    this.#http.close();
    this.#http.closeAllConnections();
    await closed;
    await this.#broadcasting;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#open === undefined) {
      response.writeHead(503, { 'retry-after': '1' }).end();
      return;
    }
    const { pathname } = new URL(request.url ?? '/', this.origin);
    if (!this.#isOurHost(request) || pathname === '/' || pathname === '/demo') {
      response.writeHead(302, { location: `${this.origin}/demo/` }).end();
    } else if (!pathname.startsWith('/demo/')) {
      this.#open.proxy.pass(request, response);
    } else if (pathname === '/demo/events') {
      this.#open.live.attach(response);
    } else if (pathname.startsWith('/demo/do/')) {
      this.#performAction(this.#open.simulation, pathname.slice('/demo/do/'.length), request, response).catch(
        (error: unknown) => {
          response.destroy(error instanceof Error ? error : undefined);
        },
      );
    } else {
      sendFile(response, resolveFile(pathname), this.#open.policy);
    }
  }

  /** False for other names such as `localhost`: a page has separate storage under each origin, so it is redirected. */
  #isOurHost({ method, headers }: IncomingMessage): boolean {
    return method !== 'GET' || headers.host === new URL(this.origin).host;
  }

  async #performAction(
    simulation: DemoSimulation,
    name: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    if (request.method !== 'POST' || request.headers.origin !== this.origin) {
      response.writeHead(403).end();
      return;
    }
    try {
      await perform(simulation, name, await readBody(request));
      response.writeHead(204).end();
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      response.writeHead(422, { 'content-type': 'text/plain; charset=utf-8' }).end(error.message);
    }
  }
}

/** @returns undefined when the page has no such file */
function resolveFile(pathname: string): string | undefined {
  if (pathname === '/demo/') return join(import.meta.dirname, 'index.html');
  if (pathname === '/demo/jsqr.js') return createRequire(import.meta.url).resolve('jsqr');
  const [, folder, name] = /^\/demo\/(scripts|styles)\/([\w-]+\.(?:js|css))$/.exec(pathname) ?? [];
  return folder === undefined || name === undefined ? undefined : join(import.meta.dirname, folder, name);
}

function sendFile(response: ServerResponse, file: string | undefined, policy: string): void {
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  const stream = createReadStream(file);
  stream.on('error', () => response.writeHead(404).end());
  stream.on('open', () => {
    response.writeHead(200, {
      'content-type': types[extname(file)],
      'content-security-policy': policy,
      'cache-control': 'no-store',
    });
    stream.pipe(response);
  });
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw new ActionError('The request is too large');
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw new ActionError('The request is not JSON', { cause });
  }
}
