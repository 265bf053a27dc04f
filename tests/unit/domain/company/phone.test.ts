import { describe, expect, it } from 'vitest';
import { formatPhone, maskPhone, mayBeMobile, phoneFrom } from '../../../../src/domain/company/phone.ts';
import { AppError } from '../../../../src/domain/errors/app-error.ts';

describe('formatPhone', () => {
  it.each([
    ['8 (900) 123-45-67', '+79001234567'],
    ['9001234567', '+79001234567'],
    ['79001234567', '+79001234567'],
    ['+7 900 123 45 67', '+79001234567'],
    ['77012345678', '+77012345678'],
    ['380501234567', '+380501234567'],
    ['+1 202 555 0143', '+12025550143'],
  ])('formats %s as %s', (input, e164) => {
    expect(formatPhone(input)).toBe(e164);
  });

  it.each(['', 'abc', '8', '+7', '123', '1-'.repeat(50_000)])('rejects invalid input %#', (input) => {
    expect(formatPhone(input)).toBeUndefined();
    expect(() => phoneFrom(input)).toThrow(AppError);
  });
});

it('mayBeMobile distinguishes landlines from mobiles', () => {
  expect(mayBeMobile('+74950000000')).toBe(false);
  expect(mayBeMobile('+79001234567')).toBe(true);
});

it('maskPhone keeps only the country, the operator and the last four digits', () => {
  expect(maskPhone('+79001234567')).toBe('+7900***4567');
  expect(maskPhone('12')).toBe('***');
});
