import { describe, expect, it } from 'vitest';
import { ipRateLimitKey } from '../../../../src/lib/net/client-ip.ts';

describe('ipRateLimitKey', () => {
  it('is the IPv4 address, also if mapped into IPv6', () => {
    expect(ipRateLimitKey('203.0.113.9')).toBe('203.0.113.9');
    expect(ipRateLimitKey('::ffff:203.0.113.9')).toBe('203.0.113.9');
  });

  it('is the same for every notation of an address in an IPv6 /64', () => {
    expect(ipRateLimitKey('2001:db8::1')).toBe('2001:db8:0:0::/64');
    expect(ipRateLimitKey('2001:0DB8:0000:0000:ffff::2')).toBe('2001:db8:0:0::/64');
    expect(ipRateLimitKey('2001:db8:0:1::1')).toBe('2001:db8:0:1::/64');
    expect(ipRateLimitKey('::1')).toBe('0:0:0:0::/64');
    expect(ipRateLimitKey('fe80::1%eth0')).toBe('fe80:0:0:0::/64');
  });

  it('is limited in length for invalid addresses', () => {
    expect(ipRateLimitKey('x'.repeat(5000))).toHaveLength(64);
  });
});
