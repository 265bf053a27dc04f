import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const headerBytes = 12;
const typeA = 1;

/** DNS server that resolves every name to the given IPv4 address; undefined: never responds. */
export class DnsServer implements AsyncDisposable {
  queryCount = 0;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async start(address?: string): Promise<DnsServer> {
    const socket = createSocket('udp4');
    const server = new DnsServer(socket);
    socket.on('message', (query, { port, address: senderAddress }) => {
      server.queryCount += 1;
      if (address !== undefined) socket.send(encodeResponse(query, address), port, senderAddress);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await once(this.#socket, 'close');
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc1035#section-4 */
function encodeResponse(query: Buffer, address: string): Buffer {
  const nameEnd = query.indexOf(0, headerBytes) + 1;
  const questionSection = query.subarray(headerBytes, nameEnd + 4);
  const hasAnswer = query.readUInt16BE(nameEnd) === typeA;
  const header = Buffer.alloc(headerBytes);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x81_80, 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(hasAnswer ? 1 : 0, 6);
  const record = Buffer.from([0xc0, headerBytes, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4]);
  const bytes = Buffer.from(address.split('.').map(Number));
  return Buffer.concat(hasAnswer ? [header, questionSection, record, bytes] : [header, questionSection]);
}
