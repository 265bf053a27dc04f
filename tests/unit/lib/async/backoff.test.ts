import { describe, expect, it } from 'vitest';
import {
  centeredJitter,
  elapsedBackoff,
  equalJitter,
  exponentialBackoff,
  fullJitter,
} from '../../../../src/lib/async/backoff.ts';

describe('exponentialBackoff', () => {
  const bounds = { baseMs: 2_000, maxMs: 60_000 };

  it('doubles up to the maximum', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => exponentialBackoff(attempt, bounds));
    expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it('stays at the maximum after thousands of attempts', () => {
    expect(exponentialBackoff(5_000, bounds)).toBe(60_000);
  });

  it('applies the jitter after the cap', () => {
    const parts = [0, 0.25, 0.5, 0.5];
    const jitter = fullJitter(() => parts.shift() ?? 1);
    const delays = [1, 2, 3, 10].map((attempt) => exponentialBackoff(attempt, { ...bounds, jitter }));
    expect(delays).toEqual([0, 1_000, 4_000, 30_000]);
  });

  it('returns whole milliseconds', () => {
    expect(exponentialBackoff(1, { ...bounds, jitter: fullJitter(() => 1 / 3) })).toBe(667);
  });
});

describe('elapsedBackoff', () => {
  const bounds = { minMs: 100, maxMs: 5_000 };

  it('equals the time elapsed, within the bounds', () => {
    const delays = [0, 100, 200, 400, 6_000].map((elapsedMs) => elapsedBackoff(elapsedMs, bounds));
    expect(delays).toEqual([100, 100, 200, 400, 5_000]);
  });

  it('applies the jitter after the bounds', () => {
    const jitter = equalJitter(() => 0);
    expect([0, 6_000].map((elapsedMs) => elapsedBackoff(elapsedMs, { ...bounds, jitter }))).toEqual([
      50, 2_500,
    ]);
  });
});

describe('jitter', () => {
  it.each([
    ['fullJitter', fullJitter, [0, 500, 1_000]],
    ['equalJitter', equalJitter, [500, 750, 1_000]],
    ['centeredJitter', centeredJitter, [500, 1_000, 1_500]],
  ] as const)('%s covers its range', (_name, jitter, expected) => {
    expect([0, 0.5, 1].map((random) => jitter(() => random)(1_000))).toEqual(expected);
  });
});
