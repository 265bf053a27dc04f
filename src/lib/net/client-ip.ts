import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isInternalIp, unmapIpv4 } from './ip-ranges.ts';

/**
 * Client address behind exactly `trustedHops` proxies, each of which appends its peer to `X-Forwarded-For`. Entries
 * further left come from the client and are ignored.
 */
export function clientIp(request: IncomingMessage, trustedHops: number): string {
  const socketAddress = request.socket.remoteAddress ?? '';
  const chain = [socketAddress, ...forwardedFor(request).toReversed()];
  return unmapIpv4(chain[Math.min(trustedHops, chain.length - 1)] ?? socketAddress);
}

/** Key for rate limits per client: the IPv4 address, or the /64 of an IPv6 address, which one customer owns as a whole. */
export function ipRateLimitKey(address: string): string {
  const plain = unmapIpv4(address);
  if (isIP(plain) !== 6) return plain.slice(0, 64);
  return `${expandIpv6(plain).slice(0, 4).join(':')}::/64`;
}

/**
 * Whether a request comes from this machine or a private network, through internal proxies only. Every hop must be
 * internal, trusted or not: a forged header can only deny access.
 */
export function isInternalRequest(request: IncomingMessage): boolean {
  if (request.headers['forwarded'] !== undefined) return false;
  const hops = [request.socket.remoteAddress ?? '', ...forwardedFor(request)];
  const realIp = request.headers['x-real-ip'];
  if (realIp !== undefined) hops.push(String(realIp).trim());
  return hops.every((hop) => isInternalIp(hop));
}

function forwardedFor(request: IncomingMessage): string[] {
  const header = request.headers['x-forwarded-for'];
  return header === undefined
    ? []
    : String(header)
        .split(',')
        .map((part) => part.trim());
}

function expandIpv6(address: string): string[] {
  const [head = '', tail] = (address.split('%')[0] ?? '').toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(Math.max(zeros, 0)).fill('0'), ...right].map((group) =>
    group.replace(/^0+(?=.)/, ''),
  );
}
