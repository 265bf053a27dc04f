const clientPrologue = Buffer.from([0x57, 0x41, 6, 3]);
const routingPrefix = Buffer.from([0x45, 0x44, 0, 1]);

/** The bytes of the client's greeting that enter the handshake hash: "WA", protocol 6, dictionary 3. */
export const prologue: Readonly<Buffer> = clientPrologue;

/**
 * Cuts the client's bytes into frames: a three byte big-endian length and a body. Before the first frame comes the
 * prologue, and before that, if the client remembers it, routing information. WebSocket messages need not align.
 */
export class FrameReader {
  #buffer = Buffer.alloc(0);
  #prologueRead = false;

  /** @throws if the client does not use this protocol */
  push(bytes: Buffer): Buffer[] {
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    if (!this.#prologueRead && !this.#readPrologue()) return [];
    const frames: Buffer[] = [];
    while (this.#buffer.length >= 3) {
      const end = 3 + this.#buffer.readUIntBE(0, 3);
      if (this.#buffer.length < end) break;
      frames.push(this.#buffer.subarray(3, end));
      this.#buffer = this.#buffer.subarray(end);
    }
    return frames;
  }

  #readPrologue(): boolean {
    let start = 0;
    if (this.#buffer.subarray(0, 2).equals(routingPrefix.subarray(0, 2))) {
      if (this.#buffer.length < 7) return false;
      if (!this.#buffer.subarray(0, 4).equals(routingPrefix)) throw new Error('Unknown routing header');
      start = 7 + this.#buffer.readUIntBE(4, 3);
    }
    if (this.#buffer.length < start + clientPrologue.length) return false;
    if (!this.#buffer.subarray(start, start + clientPrologue.length).equals(clientPrologue)) {
      throw new Error('Unexpected prologue, expected WA 6 3');
    }
    this.#buffer = this.#buffer.subarray(start + clientPrologue.length);
    this.#prologueRead = true;
    return true;
  }
}

export function frame(body: Uint8Array): Buffer {
  const header = Buffer.alloc(3);
  header.writeUIntBE(body.length, 0, 3);
  return Buffer.concat([header, body]);
}
