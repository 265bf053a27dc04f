import { describe, expect, it } from 'vitest';
import { isInternalIp } from '../../../../src/lib/net/ip-ranges.ts';

describe('isInternalIp', () => {
  it('accepts loopback and private networks', () => {
    for (const address of [
      '127.0.0.1',
      '::1',
      '10.1.2.3',
      '172.31.0.1',
      '192.168.1.1',
      'fd00::1',
      '::ffff:10.0.0.1',
    ])
      expect(isInternalIp(address), address).toBe(true);
    for (const address of ['8.8.8.8', '172.32.0.1', '2001:db8::1', '', 'localhost', '::ffff:8.8.8.8'])
      expect(isInternalIp(address), address).toBe(false);
  });
});
