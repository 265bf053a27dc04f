import { describe, expect, it } from 'vitest';
import { pacingLimits, nextGapMs, typingMs } from '../../../../src/domain/notification/pacing.ts';

describe('pacing profiles', () => {
  it('careful stays below the reported thresholds of restrictions', () => {
    expect(pacingLimits('careful')).toMatchObject({
      perMinute: 6,
      perHour: 120,
      perDay: 300,
      firstContactsPerDay: 40,
      warmUpFirstContactsPerDay: 15,
      warmUpDays: 10,
      rampMs: 60_000,
    });
    expect([0, 0.5, 1].map((random) => nextGapMs('careful', () => random))).toEqual([4_000, 8_000, 12_000]);
  });

  it('steady has higher limits and shorter gaps than careful', () => {
    const [careful, steady] = [pacingLimits('careful'), pacingLimits('steady')];
    expect(steady?.perMinute).toBeGreaterThan(careful?.perMinute ?? Infinity);
    expect(steady?.perHour).toBeGreaterThan(careful?.perHour ?? Infinity);
    expect(steady?.perDay).toBeGreaterThan(careful?.perDay ?? Infinity);
    expect(nextGapMs('steady', () => 0)).toBeLessThan(nextGapMs('careful', () => 0));
  });

  it('none has neither limits nor gaps, for simulated numbers only', () => {
    expect(pacingLimits('none')).toBeUndefined();
    expect(nextGapMs('none', () => 1)).toBe(0);
    expect(typingMs('none', 'a'.repeat(4_096))).toBe(0);
  });
});

describe('nextGapMs', () => {
  it('draws a random gap within the range of the profile', () => {
    expect(nextGapMs('careful', () => 0)).toBe(4_000);
    expect(nextGapMs('careful', () => 1)).toBe(12_000);
    expect(nextGapMs('none', () => 0.7)).toBe(0);
  });
});

it('typingMs grows with the text from one to four seconds', () => {
  expect(['', 'a'.repeat(200), 'a'.repeat(4_096)].map((text) => typingMs('careful', text))).toEqual([
    1_000, 2_500, 4_000,
  ]);
});
