import { describe, expect, it } from 'vitest';
import { relativeGrowth } from '../../support/checkers/heap-trend.ts';

describe('relativeGrowth', () => {
  it('is the growth of a straight line relative to its mean', () => {
    expect(relativeGrowth([90, 100, 110])).toBeCloseTo(0.2);
    expect(relativeGrowth([110, 100, 90])).toBeCloseTo(-0.2);
  });

  it('is near zero for noise around a level', () => {
    expect(relativeGrowth([100, 101, 99, 99, 101, 100])).toBeCloseTo(0, 1);
  });
});
