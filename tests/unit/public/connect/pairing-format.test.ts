import { describe, expect, it } from 'vitest';
import { formatPairingCode, parsePhone } from '../../../../public/scripts/connect/pairing-format.js';

describe('a pairing code', () => {
  it('is formatted in two groups of four, as in WhatsApp', () => {
    expect(formatPairingCode('abcd1234')).toBe('ABCD-1234');
    expect(formatPairingCode('ABCD-1234')).toBe('ABCD-1234');
    expect(formatPairingCode('ABC')).toBe('ABC');
  });
});

describe('a typed phone number', () => {
  it.each([
    ['+7 (900) 123-45-67', '+79001234567'],
    ['8 900 123 45 67', '89001234567'],
    ['+7\u00a0900\u2011123\u201145\u201167', '+79001234567'],
  ])('%s is sent as %s', (typed, phone) => {
    expect(parsePhone(typed)).toBe(phone);
  });

  it.each(['', '123', 'звоните', '+7 900 123 45 67 доб. 8', '1'.repeat(16)])('%j is rejected', (typed) => {
    expect(parsePhone(typed)).toBeUndefined();
  });
});
