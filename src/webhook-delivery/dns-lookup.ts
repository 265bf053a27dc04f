import { lookup, Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { callbackify } from 'node:util';

export type DnsLookupOptions = Readonly<{
  isAllowed: (address: string) => boolean;
  /** Cancels the queries. */
  signal: AbortSignal;
  /** `address:port`. Default: those of the system. */
  nameServers?: readonly string[] | undefined;
}>;

type Address = Readonly<{ address: string; family: number }>;

const localhostPattern = /(^|\.)localhost\.?$/i;
const resolverOptions = { timeout: 3_000, tries: 2 };
const resolveHostCallback = callbackify(resolveHost);

/**
 * A `lookup` that fails with `NonPublicAddressError` when any address of the host is not allowed. Uses c-ares instead of
 * `getaddrinfo`, because unresponsive name servers would block libuv's four threads, which resolve all names of the process.
 */
export function createSafeLookup({ isAllowed, signal, nameServers }: DnsLookupOptions): LookupFunction {
  return (hostname, options, callback) => {
    resolveHostCallback(hostname, signal, nameServers, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null) callback(error, '');
      else if (first === undefined || !addresses.every(({ address }) => isAllowed(address)))
        callback(new NonPublicAddressError('The host resolves to a non-public address'), '');
      else if (options.all === true) callback(null, [...addresses]);
      else callback(null, first.address, first.family);
    });
  };
}

/** @throws the error of the A query when neither query returns an address */
async function resolveHost(
  hostname: string,
  signal: AbortSignal,
  nameServers: DnsLookupOptions['nameServers'],
): Promise<readonly Address[]> {
  if (localhostPattern.test(hostname)) return await lookup(hostname, { all: true });
  const resolver = new Resolver(resolverOptions);
  if (nameServers !== undefined) resolver.setServers(nameServers);
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const [ipv4, ipv6] = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses: Address[] = [];
    if (ipv4.status === 'fulfilled') addresses.push(...ipv4.value.map((address) => ({ address, family: 4 })));
    if (ipv6.status === 'fulfilled') addresses.push(...ipv6.value.map((address) => ({ address, family: 6 })));
    if (addresses.length === 0 && ipv4.status === 'rejected') throw ipv4.reason;
    return addresses;
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** The host resolves to a non-public address (SSRF guard). */
export class NonPublicAddressError extends Error {
  override readonly name = 'NonPublicAddressError';
}
