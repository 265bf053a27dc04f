import { describe, expect, it } from 'vitest';
import { businessHoursSince } from '../../../../src/domain/company/business-hours.ts';

function since(now: string, timeZone: string): string | undefined {
  return businessHoursSince(new Date(now), timeZone)?.toISOString();
}

describe('businessHoursSince', () => {
  it('covers 09:00 to 21:00 local time', () => {
    expect(since('2026-03-10T05:59:59Z', 'Europe/Moscow')).toBeUndefined();
    expect(since('2026-03-10T06:00:00Z', 'Europe/Moscow')).toBe('2026-03-10T06:00:00.000Z');
    expect(since('2026-03-10T17:59:59Z', 'Europe/Moscow')).toBe('2026-03-10T06:00:00.000Z');
    expect(since('2026-03-10T18:00:00Z', 'Europe/Moscow')).toBeUndefined();
  });

  it('depends on the time zone', () => {
    expect(since('2026-03-10T01:00:00Z', 'Asia/Vladivostok')).toBe('2026-03-09T23:00:00.000Z');
    expect(since('2026-03-10T01:00:00Z', 'Europe/Moscow')).toBeUndefined();
  });

  it('is not shifted by a clock change in the night before', () => {
    expect(since('2026-03-29T10:00:00Z', 'Europe/Berlin')).toBe('2026-03-29T07:00:00.000Z');
    expect(since('2026-10-25T10:00:00Z', 'Europe/Berlin')).toBe('2026-10-25T08:00:00.000Z');
  });
});
