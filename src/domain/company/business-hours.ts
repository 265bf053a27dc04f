import { DateTime } from 'luxon';
import { quietUntil } from '../notification/quiet-hours.ts';

const closedHours = { from: '21:00', to: '09:00' };

/** Start of the current business hours (09:00–21:00 wall clock of `timeZone`); undefined outside them. */
export function businessHoursSince(now: Date, timeZone: string): Date | undefined {
  if (quietUntil(now, closedHours, timeZone) !== undefined) return undefined;
  const [hour = 0, minute = 0] = closedHours.to.split(':').map(Number);
  return DateTime.fromJSDate(now, { zone: timeZone })
    .set({ hour, minute, second: 0, millisecond: 0 })
    .toJSDate();
}

/** Business hours at one instant, cached per time zone: thousands of salons share a few. */
export class BusinessHours {
  readonly #now: Date;
  readonly #elapsedMsByZone = new Map<string, number | undefined>();

  constructor(now: Date) {
    this.#now = now;
  }

  /** Time since business hours began; undefined outside them. */
  elapsedMs(timeZone: string): number | undefined {
    if (!this.#elapsedMsByZone.has(timeZone)) {
      const since = businessHoursSince(this.#now, timeZone);
      this.#elapsedMsByZone.set(timeZone, since && this.#now.getTime() - since.getTime());
    }
    return this.#elapsedMsByZone.get(timeZone);
  }
}
