import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

export type RequestBodyErrorReason = 'too_large' | 'encoding' | 'corrupt' | 'aborted';

/** The request body was rejected. */
export class RequestBodyError extends Error {
  override readonly name = 'RequestBodyError';
  readonly reason: RequestBodyErrorReason;

  constructor(reason: RequestBodyErrorReason, cause?: unknown) {
    super(`Request body rejected: ${reason}`, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }
}

const inflate = promisify(gunzip);

/** Bytes read beyond the limit, so that the client receives the response instead of a connection reset. */
const maxDrainBytes = 1024 * 1024;

/**
 * Reads a whole request body and inflates gzip. `maxBytes` applies before and after inflating.
 * @throws RequestBodyError
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  const raw = await collect(request, maxBytes);
  if (encoding === 'identity') return raw;
  if (encoding !== 'gzip') throw new RequestBodyError('encoding');
  try {
    return await inflate(raw, { maxOutputLength: maxBytes });
  } catch (error) {
    throw new RequestBodyError(isTooLarge(error) ? 'too_large' : 'corrupt', error);
  }
}

/** Uses events: an async iterator is several times slower, and every webhook passes through here. */
async function collect(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let size = 0;
  const end = (): void => {
    if (size > maxBytes) reject(new RequestBodyError('too_large'));
    else resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, size));
  };
  const abort = (error?: Error): void => {
    if (!request.readableEnded) reject(new RequestBodyError('aborted', error));
  };
  const take = (chunk: Buffer): void => {
    size += chunk.length;
    if (size <= maxBytes) chunks.push(chunk);
    else if (size > maxDrainBytes) end();
  };
  if (request.destroyed) abort();
  request.on('data', take).once('end', end).once('error', abort).once('close', abort);
  try {
    return await promise;
  } finally {
    request.pause();
    request.off('data', take).off('end', end).off('error', abort).off('close', abort);
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}
