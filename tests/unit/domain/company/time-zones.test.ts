import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { planMessages } from '../../../../src/domain/notification/notification-plan.ts';
import { defaultNotificationSettings } from '../../../../src/domain/notification/settings.ts';
import { quietUntil } from '../../../../src/domain/notification/quiet-hours.ts';
import { formatLocalTime, toInstant, localTimeFrom } from '../../../../src/domain/company/salon-time.ts';
import { notifiedBooking } from '../../../support/fixtures/bookings.ts';

const night = { from: '21:00', to: '09:00' };
const at = (text: string): Date => new Date(text);

function remindersOf(startsAt: string, timeZone: string): string[] {
  const settings = { ...defaultNotificationSettings, quietHours: undefined };
  const now = at('2026-01-01T00:00:00Z');
  const known = { ...notifiedBooking({ startsAt }), startKnownAt: now };
  return planMessages(known, { settings, now, timeZone, debounceMs: 0 }).messages.map(({ notBefore }) =>
    notBefore.toISOString(),
  );
}

describe.each([
  ['Europe/Moscow', '2026-03-29 14:30:00', '2026-03-29T11:30:00.000Z'],
  ['Asia/Vladivostok', '2026-03-29 14:30:00', '2026-03-29T04:30:00.000Z'],
  ['Europe/Kaliningrad', '2026-10-25 14:30:00', '2026-10-25T12:30:00.000Z'],
  ['Europe/Berlin', '2026-03-29 14:30:00', '2026-03-29T12:30:00.000Z'],
  ['Europe/Berlin', '2026-10-25 14:30:00', '2026-10-25T13:30:00.000Z'],
])('a visit in %s on %s', (timeZone, startsAt, instant) => {
  const start = at(instant);

  it('begins at its instant', () => {
    expect(toInstant(startsAt, timeZone).toISOString()).toBe(instant);
  });

  it('is reminded of 24 and 2 hours before, however the clock was changed between', () => {
    expect(remindersOf(startsAt, timeZone)).toEqual([
      new Date(start.getTime() - 24 * 3_600_000).toISOString(),
      new Date(start.getTime() - 2 * 3_600_000).toISOString(),
    ]);
  });

  it('is printed as the clock on the wall shows it, also when the platform writes a wrong offset', () => {
    expect(formatLocalTime(startsAt, 'ru')).toMatch(/воскресенье, \d+ (марта|октября), 14:30/);
    for (const offset of ['+00:00', '+03:00', '-0800', 'Z']) {
      expect(localTimeFrom(`${startsAt.replace(' ', 'T')}${offset}`)).toBe(startsAt);
    }
  });

  it('has quiet hours around it that begin and end by the clock on the wall', () => {
    const day = startsAt.slice(0, 10);
    const until = quietUntil(toInstant(`${day} 03:30:00`, timeZone), night, timeZone);
    expect(until?.toISOString()).toBe(toInstant(`${day} 09:00:00`, timeZone).toISOString());
    expect(quietUntil(toInstant(`${day} 09:00:00`, timeZone), night, timeZone)).toBeUndefined();
    expect(quietUntil(toInstant(`${day} 20:59:59`, timeZone), night, timeZone)).toBeUndefined();
    expect(quietUntil(toInstant(`${day} 21:00:00`, timeZone), night, timeZone)).toBeInstanceOf(Date);
  });
});

describe('the nights when the clock in Berlin is changed', () => {
  it('are an hour shorter and an hour longer, and end at nine', () => {
    expect(quietUntil(at('2026-03-28T20:00:00Z'), night, 'Europe/Berlin')).toEqual(
      at('2026-03-29T07:00:00Z'),
    );
    expect(quietUntil(at('2026-10-24T19:00:00Z'), night, 'Europe/Berlin')).toEqual(
      at('2026-10-25T08:00:00Z'),
    );
  });

  it('have a start that does not exist an hour later, and one that comes twice at its second time', () => {
    expect(toInstant('2026-03-29 02:30:00', 'Europe/Berlin')).toEqual(at('2026-03-29T01:30:00Z'));
    expect(toInstant('2026-10-25 02:30:00', 'Europe/Berlin')).toEqual(at('2026-10-25T01:30:00Z'));
  });

  it('are quiet through the hour that comes twice, when they end in it', () => {
    const early = { from: '00:00', to: '02:30' };
    // 02:15 for the first time, then for the second.
    expect(quietUntil(at('2026-10-25T00:15:00Z'), early, 'Europe/Berlin')).toEqual(
      at('2026-10-25T00:30:00Z'),
    );
    expect(quietUntil(at('2026-10-25T01:15:00Z'), early, 'Europe/Berlin')).toEqual(
      at('2026-10-25T01:30:00Z'),
    );
  });
});

it('holds for every quarter of an hour of a year in every zone: quiet exactly by the wall clock, ending at its end', () => {
  const wrong: string[] = [];
  for (const timeZone of ['Europe/Moscow', 'Asia/Vladivostok', 'Europe/Kaliningrad', 'Europe/Berlin']) {
    for (let ms = Date.UTC(2026, 0, 1); ms < Date.UTC(2027, 0, 1); ms += 15 * 60_000) {
      if (!isRight(ms, timeZone)) wrong.push(`${new Date(ms).toISOString()} in ${timeZone}`);
    }
  }
  expect(wrong).toEqual([]);
}, 30_000);

function isRight(ms: number, timeZone: string): boolean {
  const local = DateTime.fromMillis(ms, { zone: timeZone });
  const until = quietUntil(new Date(ms), night, timeZone);
  if (local.hour >= 9 && local.hour < 21) return until === undefined;
  if (until === undefined) return false;
  const lastsMs = until.getTime() - ms;
  const end = DateTime.fromJSDate(until, { zone: timeZone }).toFormat('HH:mm');
  return lastsMs > 0 && lastsMs <= 13 * 3_600_000 && end === '09:00';
}
