import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { isLoopbackAddress, isPublicAddress } from '../lib/net/ip-ranges.ts';
import { lookupAmong } from './dns-lookup.ts';
import { RefusedAddressError } from './refused-address-error.ts';

export type Post = Readonly<{
  url: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  timeoutMs: number;
  /** Loopback is an address like others, outside production. */
  allowLoopback: boolean;
  /** `address:port`; the system's when absent. */
  nameServers?: readonly string[] | undefined;
}>;

/** `retryAfterMs` as the header says, in seconds or as a date. */
export type PostAnswer = Readonly<{ status: number; retryAfterMs: number | undefined }>;

/**
 * One POST on a connection of its own. What the name resolves to is checked at the connection, so that no second answer of
 * the name server leads elsewhere; redirects are answers like others, and bodies are not read.
 *
 * @throws RefusedAddressError, DOMException `TimeoutError`, or what the network says
 */
export async function post({
  url,
  headers,
  body,
  timeoutMs,
  allowLoopback,
  nameServers,
}: Post): Promise<PostAnswer> {
  const isAllowed = (address: string): boolean =>
    isPublicAddress(address) || (allowLoopback && isLoopbackAddress(address));
  const { protocol, hostname } = new URL(url);
  const literal = hostname.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0 && !isAllowed(literal)) throw new RefusedAddressError('The address is not public');
  const signal = AbortSignal.timeout(timeoutMs);
  const { promise, resolve: answered, reject } = Promise.withResolvers<PostAnswer>();
  const send = protocol === 'http:' ? httpRequest : httpsRequest;
  const request = send(url, {
    method: 'POST',
    agent: false,
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    lookup: lookupAmong({ isAllowed, signal, nameServers }),
    signal,
  });
  request.on('error', (error) => reject(signal.aborted ? signal.reason : error));
  request.on('response', (response) => {
    answered({
      status: response.statusCode ?? 0,
      retryAfterMs: retryAfter(response.headers['retry-after'], Date.now()),
    });
    response.destroy();
  });
  request.on('upgrade', ({ statusCode = 0 }, socket) => {
    answered({ status: statusCode, retryAfterMs: undefined });
    socket.destroy();
  });
  request.on('close', () => reject(new Error('The connection was closed without an answer')));
  request.end(body);
  return await promise;
}

function retryAfter(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1_000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
