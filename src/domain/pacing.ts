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
