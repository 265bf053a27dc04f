export type PacingProfile = 'careful' | 'steady' | 'none';

/** Shortest and longest gap between two messages of one number, in milliseconds. WhatsApp publishes no limits. */
const gaps: Readonly<Record<PacingProfile, readonly [number, number]>> = {
  careful: [4_000, 12_000],
  steady: [1_500, 5_000],
  none: [0, 0],
};

/** A gap drawn anew for every message: an even rhythm is what a machine does. */
export function nextGapMs(profile: PacingProfile, random: () => number): number {
  const [shortest, longest] = gaps[profile];
  return Math.round(shortest + random() * (longest - shortest));
}

/** How much one number may send. A window is any span of its length, not one of the calendar. */
export type PaceLimits = Readonly<{
  perMinute: number;
  perHour: number;
  perDay: number;
  /** People whom the salon has never written to and who never wrote to it. */
  firstContactsPerDay: number;
  /** Of a number that was linked less than `warmUpDays` ago. */
  warmUpFirstContactsPerDay: number;
  warmUpDays: number;
  /** After a reconnection the rate grows over this time, from a tenth to the whole. */
  rampMs: number;
}>;
