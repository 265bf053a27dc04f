import { describe, expect, it } from 'vitest';
import { formatLocalTime, localTimeFrom, toInstant } from '../../../../src/domain/company/salon-time.ts';
import { visitsOnClockChanges } from '../../../support/fixtures/clock-changes.ts';

describe('toInstant', () => {
  it.each(visitsOnClockChanges)('converts a visit in %s on %s', (timeZone, startsAt, instant) => {
    expect(toInstant(startsAt, timeZone).toISOString()).toBe(instant);
  });

  it('applies the daylight saving changes of the zone', () => {
    expect(toInstant('2026-03-28 12:00:00', 'Europe/Berlin').toISOString()).toBe('2026-03-28T11:00:00.000Z');
    expect(toInstant('2026-03-29 12:00:00', 'Europe/Berlin').toISOString()).toBe('2026-03-29T10:00:00.000Z');
    expect(toInstant('2026-03-29 12:00:00', 'Europe/Moscow').toISOString()).toBe('2026-03-29T09:00:00.000Z');
  });

  it('moves a skipped local time one hour later and takes the second of a repeated one', () => {
    expect(toInstant('2026-03-29 02:30:00', 'Europe/Berlin')).toEqual(new Date('2026-03-29T01:30:00Z'));
    expect(toInstant('2026-10-25 02:30:00', 'Europe/Berlin')).toEqual(new Date('2026-10-25T01:30:00Z'));
  });
});

it.each(visitsOnClockChanges)('formatLocalTime prints a visit in %s on %s', (_timeZone, startsAt) => {
  expect(formatLocalTime(startsAt, 'ru')).toMatch(/воскресенье, \d+ (марта|октября), 14:30/);
});

it.each(visitsOnClockChanges)(
  'localTimeFrom ignores the offset of a visit in %s on %s',
  (_timeZone, startsAt) => {
    for (const offset of ['+00:00', '+03:00', '-0800', 'Z'])
      expect(localTimeFrom(`${startsAt.replace(' ', 'T')}${offset}`)).toBe(startsAt);
  },
);
