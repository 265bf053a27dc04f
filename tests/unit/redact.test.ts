import { describe, expect, it } from 'vitest';
import { redact, redactText } from '../../src/observability/redact.ts';

describe('redactText', () => {
  it.each([
    ['call +79001234567 now', 'call +7900***4567 now'],
    ['8 (900) 123-45-67', '8900***4567'],
    ['79001112233:5@s.whatsapp.net', '***:5@s.whatsapp.net'],
    ['POST /marketplace/webhook/7/AbC-dEf_1 200', 'POST /marketplace/webhook/7/[secret] 200'],
    ['/marketplace/qr/eyJhbGciOiJIUzI1NiJ9.x', '/marketplace/qr/[token]'],
    ['/connect?token=abc&lang=ru', '/connect?token=[secret]&lang=ru'],
    ['bearer eyJhbGciOiJIUzI1NiJ9.eyJjb21wYW55X2lkIjoxfQ.c2lnbmF0dXJl', 'bearer [token]'],
  ])('%s', (text, redacted) => {
    expect(redactText(text)).toBe(redacted);
  });

  it.each([
    '0f6a1d0e-8a43-4d0a-9a5e-6b8b3c1f7d21',
    '2026-03-10 14:30:00',
    '2026-11-22T21:47:08.123Z',
    'record 880010001 of salon 510001',
  ])('leaves %s alone', (text) => {
    expect(redactText(text)).toBe(text);
  });
});

describe('redact', () => {
  it('drops values under secret names and masks phones at any depth', () => {
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

  it('turns errors and their causes into redacted objects', () => {
    const error = new Error('no +79001234567', { cause: new TypeError('inner 79001234567') });
    expect(redact(error)).toMatchObject({
      message: 'no +7900***4567',
      cause: { type: 'TypeError', message: 'inner 7900***4567' },
    });
    expect(JSON.stringify(redact(error))).not.toContain('1234567');
  });

  it('shows the size of bytes, not the bytes', () => {
    expect(redact({ value: Buffer.from('key') })).toEqual({ value: '[3 bytes]' });
  });
});
