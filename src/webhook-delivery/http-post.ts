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
  /** Allowed outside production only. */
  allowLoopback: boolean;
  /** `address:port`. Default: those of the system. */
  nameServers?: readonly string[] | undefined;
}>;

/** `retryAfterMs` is the `retry-after` header, which holds seconds or a date. */
export type HttpPostResponse = Readonly<{ status: number; retryAfterMs: number | undefined }>;

/**
 * Sends one POST on a new connection. The address is checked when connecting, which prevents DNS rebinding. Does not follow
 * redirects or read response bodies.
 *
 * @throws NonPublicAddressError, DOMException `TimeoutError`, or the network error
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
