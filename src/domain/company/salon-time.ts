import { DateTime, IANAZone } from 'luxon';

const localFormat = 'yyyy-MM-dd HH:mm:ss';

/**
 * Reads a platform `date` as the salon's wall clock: `2026-03-10 14:30:00`, or ISO with an offset, of which only the wall
 * clock is kept: the platform's offsets are wrong around daylight saving changes. Undefined when it is no date.
 */
export function localTimeFrom(text: string): string | undefined {
  const wallClock = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})/.exec(text);
  if (wallClock === null) return undefined;
  const local = `${wallClock[1]} ${wallClock[2]}`;
  return DateTime.fromFormat(local, localFormat, { zone: 'utc' }).isValid ? local : undefined;
}

/** The instant at which a wall clock of `timeZone` shows `localTime`. */
export function toInstant(localTime: string, timeZone: string): Date {
  return DateTime.fromFormat(localTime, localFormat, { zone: timeZone }).toJSDate();
}

/** What a wall clock of `timeZone` shows at an instant. */
export function localTimeAt(instant: Date, timeZone: string): string {
  return DateTime.fromJSDate(instant, { zone: timeZone }).toFormat(localFormat);
}

/** `2026-03-10 14:30:00` → `2026-03-10T14:30:00+03:00`, with the offset that `timeZone` has at that time. */
export function isoWithOffset(localTime: string, timeZone: string): string {
  return DateTime.fromFormat(localTime, localFormat, { zone: timeZone }).toFormat("yyyy-MM-dd'T'HH:mm:ssZZ");
}

export function isTimeZone(name: string): boolean {
  return IANAZone.isValidZone(name);
}

const formats = {
  when: 'cccc, d MMMM, HH:mm',
  weekday: 'cccc',
  date: 'd MMMM',
  time: 'HH:mm',
} as const;

/** `вторник, 10 марта, 14:30` or `Tuesday, 10 March, 14:30`, or a part of it. */
export function formatLocalTime(
  localTime: string,
  language: 'ru' | 'en',
  part: keyof typeof formats = 'when',
): string {
  return DateTime.fromFormat(localTime, localFormat, { zone: 'utc', locale: language }).toFormat(
    formats[part],
  );
}
