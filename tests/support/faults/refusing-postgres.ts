import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';

/** Answers every login with an error of that SQLSTATE, as Postgres does; undefined: nothing listens on its port. */
export class RefusingPostgres implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(sqlState?: string): Promise<RefusingPostgres> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end(errorResponse(sqlState ?? '')));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const refusing = new RefusingPostgres(server);
    if (sqlState === undefined) server.close();
    return refusing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** @see https://www.postgresql.org/docs/current/protocol-message-formats.html */
function errorResponse(sqlState: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${sqlState}\0Mrefused\0\0`);
  const head = Buffer.from('E....');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}
