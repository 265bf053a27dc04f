import { DateTime } from 'luxon';
import type { QuietHours } from './settings.ts';

/**
 * The end of the quiet hours that `now` lies in, by the wall clock of `timeZone`; undefined outside of them. From 21:00 to
 * 09:00 they begin at 21:00:00 and are over at 09:00:00, also in the nights when the clock is changed.
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
  // An hour that the clock passes twice: the second one is still to come.
  return end > now ? end : new Date(end.getTime() + 3_600_000);
}
