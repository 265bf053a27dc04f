import { describe, expect, it } from 'vitest';
import { isLoopbackIp, isPublicIp } from '../../../../src/lib/net/ip-ranges.ts';
import { validateWebhookUrl } from '../../../../src/marketplace/replies/outgoing-webhook-settings.ts';

describe("the address of a company's webhook", () => {
  it.each(['https://salon.example/hook?key=1', 'https://salon.example:8443/', 'https://8.8.8.8/hook'])(
    'may be %s',
    (url) => expect(validateWebhookUrl(url, false)).toBe(url),
  );

  it.each([
    'http://salon.example/hook',
    'ftp://salon.example/',
    'file:///etc/passwd',
    'https://user:pass@salon.example/',
    'https://user@salon.example/',
    'https://salon.example/#part',
    'https://salon.example:22/',
    'https://salon.example:80/',
    'https://localhost/hook',
    'https://api.localhost/hook',
    'https://redis/hook',
    'https://127.0.0.1/',
    'https://0x7f.1/',
    'https://2130706433/',
    'https://10.1.2.3/',
    'https://172.31.0.1/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data',
    'https://100.64.0.1/',
    'https://0.0.0.0/',
    'https://[::1]/',
    'https://[::ffff:10.0.0.1]/',
    'https://[fd00::1]/',
    'https://[fe80::1]/',
    'https://[2002:7f00:1::]/',
    'https://[64:ff9b::7f00:1]/',
    'no address',
    '',
    `https://salon.example/${'a'.repeat(2_000)}`,
  ])('may not be %s', (url) => {
    expect(() => validateWebhookUrl(url, false)).toThrow(
      expect.objectContaining({ code: 'VALIDATION_ERROR' }),
    );
  });

  it('may be on this machine and without TLS outside production, and on no other private one', () => {
    for (const url of ['http://127.0.0.1:8080/hook', 'http://localhost:3000/', 'https://[::1]:8443/'])
      expect(validateWebhookUrl(url, true)).toBe(url);
    for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/', 'http://salon.example/'])
      expect(() => validateWebhookUrl(url, true)).toThrow(
        expect.objectContaining({ code: 'VALIDATION_ERROR' }),
      );
  });
});

describe('a public address', () => {
  it.each(['8.8.8.8', '172.32.0.1', '2a00:1450:4010:c0e::71'])('is %s', (address) =>
    expect(isPublicIp(address)).toBe(true),
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
  ])('is not %s', (address) => expect(isPublicIp(address)).toBe(false));
  it('of loopback is any in its range', () => {
    expect(['127.0.0.1', '127.8.8.8', '::1', '128.0.0.1'].map(isLoopbackIp)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });
});
