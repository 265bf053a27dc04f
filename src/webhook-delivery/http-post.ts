import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import { isLoopbackIp, isPublicIp } from '../lib/net/ip-ranges.ts';
import { createSafeLookup, NonPublicAddressError } from './dns-lookup.ts';

export type HttpPostRequest = Readonly<{
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
export type HttpPostResponse = Readonly<{ status: number; retryAfterMs: number | undefined }>;

/**
 * One POST on a connection of its own. What the name resolves to is checked at the connection, so that no second answer of
 * the name server leads elsewhere; redirects are answers like others, and bodies are not read.
 *
 * @throws RefusedAddressError, DOMException `TimeoutError`, or what the network says
 */
export async function httpPost({
  url,
  headers,
  body,
  timeoutMs,
  allowLoopback,
  nameServers,
}: HttpPostRequest): Promise<HttpPostResponse> {
  const isAllowed = (address: string): boolean =>
    isPublicIp(address) || (allowLoopback && isLoopbackIp(address));
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) !== 0 && !isAllowed(host))
    throw new NonPublicAddressError('The host resolves to a non-public address');
  const signal = AbortSignal.timeout(timeoutMs);
  const { promise, resolve: resolveResponse, reject } = Promise.withResolvers<HttpPostResponse>();
  const send = protocol === 'http:' ? httpRequest : httpsRequest;
  const request = send(url, {
    method: 'POST',
    agent: false,
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    lookup: createSafeLookup({ isAllowed, signal, nameServers }),
    signal,
  });
  request.on('error', (error) => reject(signal.aborted ? signal.reason : error));
  request.on('response', (response) => {
    resolveResponse({
      status: response.statusCode ?? 0,
      retryAfterMs: parseRetryAfterMs(response.headers['retry-after'], Date.now()),
    });
    response.destroy();
  });
  request.on('upgrade', ({ statusCode = 0 }, socket) => {
    resolveResponse({ status: statusCode, retryAfterMs: undefined });
    socket.destroy();
  });
  request.on('close', () => reject(new Error('The connection closed before a response')));
  request.end(body);
  return await promise;
}

function parseRetryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,6}$/.test(header)) return Number(header) * 1_000;
  const retryAtMs = Date.parse(header);
  return Number.isNaN(retryAtMs) ? undefined : Math.max(0, retryAtMs - nowMs);
}
