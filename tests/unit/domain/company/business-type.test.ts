import { describe, expect, it } from 'vitest';
import { detectBusinessType } from '../../../../src/domain/company/business-type.ts';

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
  ] as const)('classifies %j as %s', (known, type) => {
    expect(detectBusinessType({ ...salon, ...known })).toBe(type);
  });
});
