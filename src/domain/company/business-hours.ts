import { DateTime } from 'luxon';
import { quietUntil } from '../notification/quiet-hours.ts';

const closedHours = { from: '21:00', to: '09:00' };

/**
 * When the hours began in which salons are open and their clients write, from 09:00 to 21:00 by the wall clock of
 * `timeZone`; undefined when `now` lies outside of them.
 */
export function businessHoursSince(now: Date, timeZone: string): Date | undefined {
  if (quietUntil(now, closedHours, timeZone) !== undefined) return undefined;
  const [hour = 0, minute = 0] = closedHours.to.split(':').map(Number);
  return DateTime.fromJSDate(now, { zone: timeZone })
    .set({ hour, minute, second: 0, millisecond: 0 })
    .toJSDate();
}

/** What time it is in each zone, worked out once: a fleet has few zones. */
export class BusinessHours {
  readonly #now: Date;
  readonly #elapsedMsByZone = new Map<string, number | undefined>();

  constructor(now: Date) {
    this.#now = now;
  }

  /** For how long they last already; undefined outside of them. */
  elapsedMs(timeZone: string): number | undefined {
    if (!this.#elapsedMsByZone.has(timeZone)) {
      const since = businessHoursSince(this.#now, timeZone);
      this.#elapsedMsByZone.set(timeZone, since && this.#now.getTime() - since.getTime());
    }
    return this.#elapsedMsByZone.get(timeZone);
  }
}
