import { DateTime } from 'luxon';
import type { QuietHours } from './settings.ts';

/**
 * End of the quiet hours that contain `now`; undefined outside them. Follows the wall clock of `timeZone` through daylight
 * saving changes: 21:00–09:00 starts at 21:00:00 and ends at 09:00:00 every night.
 */
export function quietUntil(
  now: Date,
  quietHours: QuietHours | undefined,
  timeZone: string,
): Date | undefined {
  if (quietHours === undefined) return undefined;
  const local = DateTime.fromJSDate(now, { zone: timeZone });
  const clock = local.toFormat('HH:mm');
  const { from, to } = quietHours;
  const spansMidnight = from > to;
  const isQuiet = spansMidnight ? clock >= from || clock < to : clock >= from && clock < to;
  if (!isQuiet) return undefined;
  const endsTomorrow = spansMidnight && clock >= from;
  const [hour = 0, minute = 0] = to.split(':').map(Number);
  const day = endsTomorrow ? local.plus({ days: 1 }) : local;
  const end = day.set({ hour, minute, second: 0, millisecond: 0 }).toJSDate();
  // The end lies in the hour that a clock change repeats, and its first occurrence has passed.
  return end > now ? end : new Date(end.getTime() + 3_600_000);
}
