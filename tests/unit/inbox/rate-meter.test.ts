import { describe, expect, it } from 'vitest';
import { RateMeter } from '../../../src/inbox/rate-meter.ts';

describe('RateMeter', () => {
  it('keeps the rate of a window through the next one and drops to 0 without events', () => {
    let nowMs = 1_000;
    const rate = new RateMeter(() => nowMs);
    expect(rate.perSecond).toBe(0);
    for (let n = 0; n < 400; n += 1) rate.count();
    expect(rate.perSecond).toBe(400);
    nowMs += 1_000;
    expect(rate.perSecond).toBe(400);
    nowMs += 1_000;
    expect(rate.perSecond).toBe(0);
    for (let n = 0; n < 10; n += 1) rate.count();
    nowMs += 10_000;
    expect(rate.perSecond).toBe(0);
  });
});
