import { describe, expect, it } from 'vitest';
import { formatSeconds, secondsLeft, shareLeft } from '../../../../public/scripts/shared/countdown.js';

describe('the countdown', () => {
  it.each([
    [20_000, 0, 20],
    [20_000, 1, 20],
    [20_000, 19_999, 1],
    [20_000, 20_000, 0],
    [20_000, 90_000, 0],
  ])('with deadline %i ms shows at %i ms: %i s', (deadlineMs, nowMs, seconds) => {
    expect(secondsLeft(deadlineMs, nowMs)).toBe(seconds);
  });

  it('has a bar that shrinks from full to empty within bounds', () => {
    const span = { deadlineMs: 30_000, lifetimeMs: 20_000 };
    expect([0, 10_000, 20_000, 30_000, 40_000].map((nowMs) => shareLeft(span, nowMs))).toEqual([
      1, 1, 0.5, 0, 0,
    ]);
    expect(shareLeft({ deadlineMs: 30_000, lifetimeMs: 0 }, 0)).toBe(0);
  });

  it('is formatted as minutes and seconds', () => {
    expect([0, 9, 60, 150, 3600].map(formatSeconds)).toEqual(['0:00', '0:09', '1:00', '2:30', '60:00']);
  });
});
