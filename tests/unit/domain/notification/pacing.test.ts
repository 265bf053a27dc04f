import { describe, expect, it } from 'vitest';
import { pacingLimits, nextGapMs, typingMs } from '../../../../src/domain/notification/pacing.ts';

describe('the pace', () => {
  it('of the careful profile stays below what is reported as the beginning of restrictions', () => {
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

  it('of the steady profile is bolder in everything, and still has every limit', () => {
    const [careful, steady] = [pacingLimits('careful'), pacingLimits('steady')];
    expect(steady?.perMinute).toBeGreaterThan(careful?.perMinute ?? Infinity);
    expect(steady?.perHour).toBeGreaterThan(careful?.perHour ?? Infinity);
    expect(steady?.perDay).toBeGreaterThan(careful?.perDay ?? Infinity);
    expect(nextGapMs('steady', () => 0)).toBeLessThan(nextGapMs('careful', () => 0));
  });

  it('has no limits where it is nobody’s real number', () => {
    expect(pacingLimits('none')).toBeUndefined();
    expect(nextGapMs('none', () => 1)).toBe(0);
    expect(typingMs('none', 'a'.repeat(4_096))).toBe(0);
  });

  it('shows typing for longer before a longer text, for one to four seconds', () => {
    expect(['', 'a'.repeat(200), 'a'.repeat(4_096)].map((text) => typingMs('careful', text))).toEqual([
      1_000, 2_500, 4_000,
    ]);
  });
});
