import { describe, expect, it } from 'vitest';
import { isLoopbackIp, isPublicIp } from '../../../../src/lib/net/ip-ranges.ts';

describe('isPublicIp', () => {
  it.each(['8.8.8.8', '172.32.0.1', '2a00:1450:4010:c0e::71'])('accepts %s', (ip) =>
    expect(isPublicIp(ip)).toBe(true),
  );
  it.each([
    '192.0.2.1',
    '224.0.0.1',
    '255.255.255.255',
    '2001:db8::1',
    '2001::1',
    'fc00::1',
    '::',
    'salon.example',
  ])('rejects %s', (ip) => expect(isPublicIp(ip)).toBe(false));
});

it('isLoopbackIp accepts every address of the loopback range', () => {
  expect(['127.0.0.1', '127.8.8.8', '::1', '128.0.0.1'].map(isLoopbackIp)).toEqual([true, true, true, false]);
});
