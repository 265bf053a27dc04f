export type PacingProfile = 'careful' | 'steady' | 'none';

/** Limits of one number, over sliding windows. */
export type PacingLimits = Readonly<{
  perMinute: number;
  perHour: number;
  perDay: number;
  /** Messages to people without any previous message in either direction. */
  firstContactsPerDay: number;
  /** Replaces `firstContactsPerDay` during the first `warmUpDays` after linking. */
  warmUpFirstContactsPerDay: number;
  warmUpDays: number;
  /** After a reconnection the rate rises from 10 % to 100 % over this time. */
  rampMs: number;
}>;

type PacingParameters = Readonly<{
  /** Minimum and maximum gap between two messages of one number. */
  gapMs: readonly [number, number];
  /** Minimum and maximum duration of the typing indicator. */
  typingMs: readonly [number, number];
  limits: PacingLimits | undefined;
}>;

/**
 * WhatsApp publishes no limits. Users of linked devices report restrictions from about 20 unknown contacts a day, 100 to 200
 * messages an hour, 3 a second.
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

/** Texts of this length or more have the maximum typing time. */
const maxTypingTextLength = 400;

/** Undefined: unlimited. */
export function pacingLimits(profile: PacingProfile): PacingLimits | undefined {
  return pacingParameters[profile].limits;
}

/** Random for every message: regular intervals look automated. */
export function nextGapMs(profile: PacingProfile, random: () => number): number {
  const [minMs, maxMs] = pacingParameters[profile].gapMs;
  return Math.round(minMs + random() * (maxMs - minMs));
}

/** Duration of the typing indicator before a text. */
export function typingMs(profile: PacingProfile, text: string): number {
  const [minMs, maxMs] = pacingParameters[profile].typingMs;
  return Math.round(minMs + Math.min(text.length / maxTypingTextLength, 1) * (maxMs - minMs));
}
