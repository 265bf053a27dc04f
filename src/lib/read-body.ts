import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

export type BodyRefusalReason = 'too_large' | 'encoding' | 'corrupt' | 'aborted';

/** The body could not be taken. */
export class BodyRefusal extends Error {
  override readonly name = 'BodyRefusal';
  readonly reason: BodyRefusalReason;

  constructor(reason: BodyRefusalReason, cause?: unknown) {
    super(`Body refused: ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

const inflate = promisify(gunzip);

/** What is still read of a body that is too large, so that its sender hears the answer rather than a reset. */
const drainedBytes = 1024 * 1024;

/**
 * Reads a whole request body, inflating gzip; `maxBytes` holds before and after inflating.
 * @throws BodyRefusal
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const raw = await collect(request, maxBytes);
  if (encoding === 'identity') return raw;
  if (encoding !== 'gzip') throw new BodyRefusal('encoding');
  try {
    return await inflate(raw, { maxOutputLength: maxBytes });
  } catch (error) {
    throw new BodyRefusal(isTooLarge(error) ? 'too_large' : 'corrupt', error);
  }
}

async function collect(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      if (!Buffer.isBuffer(chunk)) throw new TypeError('A request body is made of buffers');
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else if (size > drainedBytes) break;
    }
  } catch (error) {
    throw new BodyRefusal('aborted', error);
  }
  if (size > maxBytes) throw new BodyRefusal('too_large');
  return Buffer.concat(chunks, size);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}
