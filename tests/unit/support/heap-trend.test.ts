import { describe, expect, it } from 'vitest';
import { relativeGrowth } from '../../support/checkers/heap-trend.ts';

describe('the growth of a series', () => {
  it('is what a straight line grows by, as a share of its mean', () => {
    expect(relativeGrowth([90, 100, 110])).toBeCloseTo(0.2);
    expect(relativeGrowth([110, 100, 90])).toBeCloseTo(-0.2);
  });

  it('is nothing for noise around a level', () => {
    expect(relativeGrowth([100, 101, 99, 99, 101, 100])).toBeCloseTo(0, 1);
  });
});
