import { DateTime } from 'luxon';
import { quietUntil } from './quiet-hours.ts';

const closed = { from: '21:00', to: '09:00' };

/**
 * When the hours began in which salons are open and their clients write, from 09:00 to 21:00 by the wall clock of
 * `timeZone`; undefined when `now` lies outside of them.
 */
export function businessHoursSince(now: Date, timeZone: string): Date | undefined {
  if (quietUntil(now, closed, timeZone) !== undefined) return undefined;
  const [hour = 0, minute = 0] = closed.to.split(':').map(Number);
  return DateTime.fromJSDate(now, { zone: timeZone })
    .set({ hour, minute, second: 0, millisecond: 0 })
    .toJSDate();
}
