export type PacingProfile = 'careful' | 'steady' | 'none';

/** How much one number may send. A window is any span of its length, not one of the calendar. */
export type PacingLimits = Readonly<{
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

type PacingParameters = Readonly<{
  /** Shortest and longest gap between two messages of one number, in milliseconds. */
  gapMs: readonly [number, number];
  /** Shortest and longest time that the recipient sees somebody typing. */
  typingMs: readonly [number, number];
  limits: PacingLimits | undefined;
}>;

/**
 * WhatsApp publishes no limits. These stay well below what users of linked devices report as the beginning of restrictions:
 * about 20 unknown contacts a day, 100 to 200 messages an hour, 3 a second.
 */
const pacingParameters: Readonly<Record<PacingProfile, PacingParameters>> = {
  careful: {
    gapMs: [4_000, 12_000],
    typingMs: [1_000, 4_000],
    limits: {
      perMinute: 6,
      perHour: 120,
      perDay: 300,
      firstContactsPerDay: 40,
      warmUpFirstContactsPerDay: 15,
      warmUpDays: 10,
      rampMs: 60_000,
    },
  },
  steady: {
    gapMs: [1_500, 5_000],
    typingMs: [500, 2_000],
    limits: {
      perMinute: 10,
      perHour: 200,
      perDay: 800,
      firstContactsPerDay: 80,
      warmUpFirstContactsPerDay: 20,
      warmUpDays: 7,
      rampMs: 60_000,
    },
  },
  none: { gapMs: [0, 0], typingMs: [0, 0], limits: undefined },
};

/** A text of this length takes the longest typing. */
const maxTypingTextLength = 400;

/** Undefined: none. */
export function pacingLimits(profile: PacingProfile): PacingLimits | undefined {
  return pacingParameters[profile].limits;
}

/** A gap drawn anew for every message: an even rhythm is what a machine does. */
export function nextGapMs(profile: PacingProfile, random: () => number): number {
  const [minMs, maxMs] = pacingParameters[profile].gapMs;
  return Math.round(minMs + random() * (maxMs - minMs));
}

/** How long to show "typing" before a text. */
export function typingMs(profile: PacingProfile, text: string): number {
  const [minMs, maxMs] = pacingParameters[profile].typingMs;
  return Math.round(minMs + Math.min(text.length / maxTypingTextLength, 1) * (maxMs - minMs));
}
