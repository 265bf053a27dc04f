import { describe, expect, it } from 'vitest';
import { detectBusinessType } from '../../../src/domain/company/business-type.ts';
import { clientLanguage } from '../../../src/domain/company/client-language.ts';
import { AppError } from '../../../src/domain/errors/app-error.ts';
import { companyIdFrom, parsePositiveInteger } from '../../../src/domain/ids.ts';
import { nextGapMs } from '../../../src/domain/notification/pacing.ts';
import { formatPhone, maskPhone, mayBeMobile, phoneFrom } from '../../../src/domain/company/phone.ts';
import { toInstant } from '../../../src/domain/company/salon-time.ts';

describe('formatPhone', () => {
  it.each([
    ['8 (900) 123-45-67', '+79001234567'],
    ['9001234567', '+79001234567'],
    ['79001234567', '+79001234567'],
    ['+7 900 123 45 67', '+79001234567'],
    ['77012345678', '+77012345678'],
    ['380501234567', '+380501234567'],
    ['+1 202 555 0143', '+12025550143'],
  ])('reads %s as %s', (written, e164) => {
    expect(formatPhone(written)).toBe(e164);
  });

  it.each(['', 'abc', '8', '+7', '123', '1-'.repeat(50_000)])('refuses nonsense %#', (written) => {
    expect(formatPhone(written)).toBeUndefined();
    expect(() => phoneFrom(written)).toThrow(AppError);
  });

  it('tells landlines from mobiles', () => {
    expect(mayBeMobile('+74950000000')).toBe(false);
    expect(mayBeMobile('+79001234567')).toBe(true);
  });

  it('masks all but the country, the operator and the last four digits', () => {
    expect(maskPhone('+79001234567')).toBe('+7900***4567');
    expect(maskPhone('12')).toBe('***');
  });
});

describe('parsePositiveInteger', () => {
  it.each([1, '1', '510001', '9007199254740991', Number.MAX_SAFE_INTEGER])('reads %s', (value) => {
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
  ])('refuses %s', (value) => {
    expect(parsePositiveInteger(value)).toBeUndefined();
    expect(() => companyIdFrom(value, 'companyId')).toThrow('companyId');
  });
});

describe('detectBusinessType', () => {
  const salon = { title: '', shortDescription: '', businessTypeTitle: undefined, serviceTitles: [] };

  it.each([
    [{ businessTypeTitle: 'Барбершоп', title: 'Клиника красоты' }, 'barbershop'],
    [{ title: 'Салон красоты Ромашка' }, 'beauty'],
    [{ title: 'Ромашка', serviceTitles: ['Маникюр с покрытием'] }, 'nails'],
    [{ title: 'Smile Dental Clinic' }, 'medical'],
    [{ title: 'Студия йоги и пилатеса', shortDescription: 'Пилатес' }, 'sport'],
    [{ title: 'Автомойка на Ленина' }, 'auto'],
    [{ title: 'English school' }, 'education'],
    [{ title: 'ООО Вектор' }, 'generic'],
  ] as const)('takes %j for %s', (known, type) => {
    expect(detectBusinessType({ ...salon, ...known })).toBe(type);
  });
});

describe('clientLanguage', () => {
  it.each([
    ['+74950000000', 'ru'],
    ['84950000000', 'ru'],
    ['+77272000000', 'ru'],
    ['+442071838750', 'en'],
    ['', 'ru'],
    [undefined, 'ru'],
  ] as const)('of a salon with the phone %s is %s', (phone, language) => {
    expect(clientLanguage(phone)).toBe(language);
  });
});

describe('nextGapMs', () => {
  it('stays within the profile and draws anew', () => {
    expect(nextGapMs('careful', () => 0)).toBe(4_000);
    expect(nextGapMs('careful', () => 1)).toBe(12_000);
    expect(nextGapMs('none', () => 0.7)).toBe(0);
  });
});

describe('instantOf', () => {
  it('knows the daylight saving changes of a zone', () => {
    expect(toInstant('2026-03-28 12:00:00', 'Europe/Berlin').toISOString()).toBe('2026-03-28T11:00:00.000Z');
    expect(toInstant('2026-03-29 12:00:00', 'Europe/Berlin').toISOString()).toBe('2026-03-29T10:00:00.000Z');
    expect(toInstant('2026-03-29 12:00:00', 'Europe/Moscow').toISOString()).toBe('2026-03-29T09:00:00.000Z');
  });
});
