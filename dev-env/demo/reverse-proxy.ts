import { type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import type { Duplex } from 'node:stream';

/** Forwards requests and WebSocket upgrades to one server, as its only trusted proxy. */
export class ReverseProxy {
  readonly #target: URL;
  readonly #onRedirect: (location: string) => void;

  /** @param onRedirect called with the target of each redirect */
  constructor(target: string, onRedirect: (location: string) => void) {
    this.#target = new URL(target);
    this.#onRedirect = onRedirect;
  }

  pass(incoming: IncomingMessage, response: ServerResponse): void {
    const outgoing = this.#open(incoming);
    outgoing.on('response', (answer) => {
      const { connection: _hop, ...headers } = answer.headers;
      if (headers.location !== undefined) this.#onRedirect(headers.location);
      response.writeHead(answer.statusCode ?? 502, headers);
      pipeline(answer, response, () => {});
    });
    outgoing.on('error', () => sendBadGateway(response));
    response.on('close', () => outgoing.destroy());
    incoming.pipe(outgoing);
  }

  upgrade(incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
    const outgoing = this.#open(incoming);
    socket.on('error', () => outgoing.destroy());
    outgoing.on('error', () => socket.destroy());
    outgoing.on('response', (answer) => {
      socket.write(formatHead(answer));
      pipeline(answer, socket, () => {});
    });
    outgoing.on('upgrade', (answer, upstream, upstreamHead) => {
      socket.write(formatHead(answer));
      socket.write(upstreamHead);
      upstream.write(head);
      pipeline(socket, upstream, socket, () => {});
    });
    outgoing.end();
  }

  #open(incoming: IncomingMessage) {
    const { method, url, headers } = incoming;
    const { hostname, port } = this.#target;
    return request({ hostname, port, method, path: url, headers: forwardedHeaders(incoming, headers) });
  }
}

function forwardedHeaders(incoming: IncomingMessage, headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const earlier = headers['x-forwarded-for'];
  const address = incoming.socket.remoteAddress ?? '';
  return {
    ...headers,
    'x-forwarded-for': earlier === undefined ? address : `${String(earlier)}, ${address}`,
    'x-forwarded-proto': 'http',
  };
}

function sendBadGateway(response: ServerResponse): void {
  if (response.headersSent) response.destroy();
  else response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8' }).end('Сервер не отвечает.\n');
}

/** Status line and unchanged headers. */
function formatHead({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1] ?? ''}`] : [],
  );
  return [`HTTP/1.1 ${statusCode} ${statusMessage}`, ...lines, '', ''].join('\r\n');
}
