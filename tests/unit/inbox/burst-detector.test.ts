import { describe, expect, it } from 'vitest';
import { BurstDetector, RateMeter } from '../../../src/inbox/burst-detector.ts';

describe('BurstDetector', () => {
  it('detects more than 300 webhooks in a second as a burst, for one minute at most', () => {
    let nowMs = 0;
    const detector = new BurstDetector(() => nowMs);
    const receive = (count: number): void => {
      for (let n = 0; n < count; n += 1) detector.count();
    };
    receive(300);
    expect(detector.hasBurst).toBe(false);
    nowMs = 500;
    receive(1);
    expect(detector.hasBurst).toBe(true);
    for (nowMs = 1_000; nowMs < 60_000; nowMs += 1_000) {
      receive(301);
      expect(detector.hasBurst, `${nowMs} ms`).toBe(true);
    }
    receive(301);
    expect(detector.hasBurst).toBe(false);
  });
});

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
