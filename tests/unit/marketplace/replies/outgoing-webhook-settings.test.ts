import { describe, expect, it } from 'vitest';
import { validateWebhookUrl } from '../../../../src/marketplace/replies/outgoing-webhook-settings.ts';

describe('validateWebhookUrl', () => {
  it.each(['https://salon.example/hook?key=1', 'https://salon.example:8443/', 'https://8.8.8.8/hook'])(
    'accepts %s',
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
  ])('rejects %s', (url) => {
    expect(() => validateWebhookUrl(url, false)).toThrow(
      expect.objectContaining({ code: 'VALIDATION_ERROR' }),
    );
  });

  it('accepts loopback without TLS outside production, but no other private address', () => {
    for (const url of ['http://127.0.0.1:8080/hook', 'http://localhost:3000/', 'https://[::1]:8443/'])
      expect(validateWebhookUrl(url, true)).toBe(url);
    for (const url of ['http://10.0.0.1/', 'http://169.254.169.254/', 'http://salon.example/'])
      expect(() => validateWebhookUrl(url, true)).toThrow(
        expect.objectContaining({ code: 'VALIDATION_ERROR' }),
      );
  });
});
