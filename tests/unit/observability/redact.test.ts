import { describe, expect, it } from 'vitest';
import { redact, redactText } from '../../../src/observability/redact.ts';

describe('redactText', () => {
  it.each([
    ['call +79001234567 now', 'call +7900***4567 now'],
    ['8 (900) 123-45-67', '8900***4567'],
    ['?phone=%2B79001234567&a=1', '?phone=%2B7900***4567&a=1'],
    ['phone:79001234567', 'phone:7900***4567'],
    ['id79001234567', 'id7900***4567'],
    ['x-79001234567', 'x-7900***4567'],
    ['79001234567: not on WhatsApp', '7900***4567: not on WhatsApp'],
    ['wa_79001234567_1', 'wa_7900***4567_1'],
    ['connect postgres://u:p%40ss@host/db', 'connect postgres://u:[secret]@host/db'],
    ['redis://:p@ss@host:6379', 'redis://:[secret]@host:6379'],
    ['79001112233:5@s.whatsapp.net', '***:5@s.whatsapp.net'],
    ['POST /marketplace/webhook/7/AbC-dEf_1 200', 'POST /marketplace/webhook/7/[secret] 200'],
    ['/marketplace/qr/eyJhbGciOiJIUzI1NiJ9.x', '/marketplace/qr/[token]'],
    ['/connect?token=abc&lang=ru', '/connect?token=[secret]&lang=ru'],
    ['bearer eyJhbGciOiJIUzI1NiJ9.eyJjb21wYW55X2lkIjoxfQ.c2lnbmF0dXJl', 'bearer [token]'],
  ])('redacts %s', (text, redacted) => {
    expect(redactText(text)).toBe(redacted);
  });

  it.each([
    '0f6a1d0e-8a43-4d0a-9a5e-6b8b3c1f7d21',
    '2026-03-10 14:30:00',
    '5e1d2c3b-8a43-4d0a-9a5e-123456789012',
    '3EB0C7671D9A79001234567A',
    '192.168.100.200',
    '2,3000,1043857760',
    'The migration 20261125200900_session_cause was changed',
    '2.3000.1043857760',
    'http://127.0.0.1:3000/marketplace/x@y',
    '2026-11-22T21:47:08.123Z',
    'record 880010001 of salon 510001',
  ])('does not change %s', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

describe('redact', () => {
  it('removes values under secret names and masks phones at any depth', () => {
    expect(
      redact({
        a: { partner_token: 'x', headers: { authorization: 'y' } },
        client: [{ phone: '+79001234567' }],
      }),
    ).toEqual({
      a: { partner_token: '[redacted]', headers: { authorization: '[redacted]' } },
      client: [{ phone: '+7900***4567' }],
    });
  });

  it('converts errors and their causes to redacted objects', () => {
    const error = new Error('no +79001234567', { cause: new TypeError('inner 79001234567') });
    expect(redact(error)).toMatchObject({
      message: 'no +7900***4567',
      cause: { type: 'TypeError', message: 'inner 7900***4567' },
    });
    expect(JSON.stringify(redact(error))).not.toContain('1234567');
  });

  it('replaces bytes by their length', () => {
    expect(redact({ value: Buffer.from('key') })).toEqual({ value: '[3 bytes]' });
  });
});
