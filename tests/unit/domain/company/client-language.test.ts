import { describe, expect, it } from 'vitest';
import { clientLanguage } from '../../../../src/domain/company/client-language.ts';

describe('clientLanguage', () => {
  it.each([
    ['+74950000000', 'ru'],
    ['84950000000', 'ru'],
    ['+77272000000', 'ru'],
    ['+442071838750', 'en'],
    ['', 'ru'],
    [undefined, 'ru'],
  ] as const)('of a salon with phone %s is %s', (phone, language) => {
    expect(clientLanguage(phone)).toBe(language);
  });
});
