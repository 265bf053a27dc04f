import { DateTime, IANAZone } from 'luxon';
import type { Language } from '../language.ts';

const localFormat = 'yyyy-MM-dd HH:mm:ss';

/**
 * Reads the wall clock of a YCLIENTS date: `2026-03-10 14:30:00`, or ISO with an offset. Ignores the offset, which is wrong
 * around daylight saving changes. Undefined for an invalid date.
 */
export function localTimeFrom(text: string): string | undefined {
  const wallClock = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})/.exec(text);
  if (wallClock === null) return undefined;
  const local = `${wallClock[1]} ${wallClock[2]}`;
  return DateTime.fromFormat(local, localFormat, { zone: 'utc' }).isValid ? local : undefined;
}

/** Instant of a local time in `timeZone`. Skipped local times move forward by the gap. */
export function toInstant(localTime: string, timeZone: string): Date {
  return DateTime.fromFormat(localTime, localFormat, { zone: timeZone }).toJSDate();
}

/** Local time in `timeZone`, `YYYY-MM-DD HH:mm:ss`. */
export function localTimeAt(instant: Date, timeZone: string): string {
  return DateTime.fromJSDate(instant, { zone: timeZone }).toFormat(localFormat);
}

/** `2026-03-10 14:30:00` → `2026-03-10T14:30:00+03:00`. */
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

/** `вторник, 10 марта, 14:30`, `Tuesday, 10 March, 14:30`, or a part of it. */
export function formatLocalTime(
  localTime: string,
  language: Language,
  part: keyof typeof formats = 'when',
): string {
  return DateTime.fromFormat(localTime, localFormat, { zone: 'utc', locale: language }).toFormat(
    formats[part],
  );
}
