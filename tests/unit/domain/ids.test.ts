import { describe, expect, it } from 'vitest';
import { companyIdFrom, parsePositiveInteger } from '../../../src/domain/ids.ts';

describe('parsePositiveInteger', () => {
  it.each([1, '1', '510001', '9007199254740991', Number.MAX_SAFE_INTEGER])('accepts %s', (value) => {
    expect(parsePositiveInteger(value)).toBe(Number(value));
  });

  it.each([
    '0',
    '01',
    '-1',
    '1e3',
    '1 ',
    '１',
    '9007199254740992',
    '../../etc',
    1.5,
    Number.NaN,
    true,
    null,
    [1],
  ])('rejects %s', (value) => {
    expect(parsePositiveInteger(value)).toBeUndefined();
    expect(() => companyIdFrom(value, 'companyId')).toThrow('companyId');
  });
});
