import { describe, expect, it } from 'vitest';
import { Backoff } from '../../../../src/lib/async/backoff.ts';

const options = { baseMs: 2_000, maxMs: 60_000 };

describe('the back-off', () => {
  it('doubles to its cap, and begins anew after a reset', () => {
    const backoff = new Backoff(options, () => 1);
    const delays = Array.from({ length: 7 }, () => backoff.nextDelayMs());
    expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    backoff.reset();
    expect(backoff.nextDelayMs()).toBe(2_000);
  });

  it('becomes patient after many attempts', () => {
    const backoff = new Backoff({ ...options, slowPhase: { afterAttempts: 6, maxMs: 300_000 } }, () => 1);
    const delays = Array.from({ length: 9 }, () => backoff.nextDelayMs());
    expect(delays.slice(5)).toEqual([60_000, 128_000, 256_000, 300_000]);
    backoff.reset();
    expect(backoff.nextDelayMs()).toBe(2_000);
  });

  it('takes any part of the delay, down to none', () => {
    const parts = [0, 0.25, 0.5];
    const backoff = new Backoff(options, () => parts.shift() ?? 1);
    expect([backoff.nextDelayMs(), backoff.nextDelayMs(), backoff.nextDelayMs()]).toEqual([0, 1_000, 4_000]);
  });
});
