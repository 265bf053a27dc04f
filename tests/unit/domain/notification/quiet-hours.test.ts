import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { toInstant } from '../../../../src/domain/company/salon-time.ts';
import { quietUntil } from '../../../../src/domain/notification/quiet-hours.ts';
import { visitsOnClockChanges } from '../../../support/fixtures/clock-changes.ts';

const night = { from: '21:00', to: '09:00' };
const at = (text: string): Date => new Date(text);

describe('quietUntil', () => {
  it.each(visitsOnClockChanges)('follows the wall clock in %s on %s', (timeZone, startsAt) => {
    const day = startsAt.slice(0, 10);
    const until = quietUntil(toInstant(`${day} 03:30:00`, timeZone), night, timeZone);
    expect(until?.toISOString()).toBe(toInstant(`${day} 09:00:00`, timeZone).toISOString());
    expect(quietUntil(toInstant(`${day} 09:00:00`, timeZone), night, timeZone)).toBeUndefined();
    expect(quietUntil(toInstant(`${day} 20:59:59`, timeZone), night, timeZone)).toBeUndefined();
    expect(quietUntil(toInstant(`${day} 21:00:00`, timeZone), night, timeZone)).toBeInstanceOf(Date);
  });

  it('ends at nine after a night shortened or extended by a clock change', () => {
    expect(quietUntil(at('2026-03-28T20:00:00Z'), night, 'Europe/Berlin')).toEqual(
      at('2026-03-29T07:00:00Z'),
    );
    expect(quietUntil(at('2026-10-24T19:00:00Z'), night, 'Europe/Berlin')).toEqual(
      at('2026-10-25T08:00:00Z'),
    );
  });

  it('ends at the next occurrence of a local time within the repeated hour', () => {
    const early = { from: '00:00', to: '02:30' };
    // 02:15 for the first time, then for the second.
    expect(quietUntil(at('2026-10-25T00:15:00Z'), early, 'Europe/Berlin')).toEqual(
      at('2026-10-25T00:30:00Z'),
    );
    expect(quietUntil(at('2026-10-25T01:15:00Z'), early, 'Europe/Berlin')).toEqual(
      at('2026-10-25T01:30:00Z'),
    );
  });

  it('matches the wall clock at every quarter hour of a year in every zone', () => {
    const wrong: string[] = [];
    for (const timeZone of ['Europe/Moscow', 'Asia/Vladivostok', 'Europe/Kaliningrad', 'Europe/Berlin']) {
      for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 15 * 60_000) {
        if (!matchesWallClock(ms, timeZone)) wrong.push(`${new Date(ms).toISOString()} in ${timeZone}`);
      }
    }
    expect(wrong).toEqual([]);
  }, 30_000);
});

function matchesWallClock(ms: number, timeZone: string): boolean {
  const local = DateTime.fromMillis(ms, { zone: timeZone });
  const until = quietUntil(new Date(ms), night, timeZone);
  if (local.hour >= 9 && local.hour < 21) return until === undefined;
  if (until === undefined) return false;
  const durationMs = until.getTime() - ms;
  const end = DateTime.fromJSDate(until, { zone: timeZone }).toFormat('HH:mm');
  return durationMs > 0 && durationMs <= 13 * 3_600_000 && end === '09:00';
}
