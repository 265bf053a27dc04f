import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  RateLimitExceededError,
  RateLimiter,
  type RateLimiterOptions,
} from '../../../src/yclients/rate-limiter.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
});
afterEach(() => {
  vi.useRealTimers();
});

function budget(options: Partial<RateLimiterOptions> = {}) {
  return new RateLimiter({ monotonicMs: () => Date.now(), random: () => 0.5, ...options });
}

/** Starts of `count` callers that came together, in milliseconds. */
async function startsOf(limiter: RateLimiter, count: number, runMs: number): Promise<number[]> {
  const starts: number[] = [];
  const callers = Array.from({ length: count }, async () => {
    await limiter.acquire();
    starts.push(Date.now());
  });
  await vi.advanceTimersByTimeAsync(runMs);
  await Promise.all(callers);
  return starts;
}

function busiest(starts: readonly number[], windowMs: number): number {
  return Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + windowMs).length));
}

describe('request budget', () => {
  it('lets four start in any second and 180 in any minute', async () => {
    const starts = await startsOf(budget({ maxWaitMs: 600_000 }), 400, 180_000);
    expect(starts).toHaveLength(400);
    expect(busiest(starts, 1000)).toBe(4);
    expect(busiest(starts, 60_000)).toBe(180);
  });

  it('starts a quarter of a second apart, so that a slow network cannot bunch two seconds together', async () => {
    expect(await startsOf(budget(), 4, 2000)).toEqual([0, 250, 500, 750]);
  });

  it('serves callers in the order in which they came', async () => {
    const limiter = budget();
    const order: number[] = [];
    const callers = Array.from({ length: 12 }, async (_, caller) => {
      await limiter.acquire();
      order.push(caller);
    });
    await vi.advanceTimersByTimeAsync(5000);
    await Promise.all(callers);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('lets nobody start during the pause that the platform asked for, not even those who wait already', async () => {
    const limiter = budget();
    await startsOf(limiter, 1, 1);
    const waiting = startsOf(limiter, 2, 10_000);
    limiter.pause(7000);
    expect(await waiting).toEqual([7001, 7251]);
  });

  it('pauses longer with every refusal that names no time, and starts small again after a success', () => {
    const limiter = budget();
    expect(pauseOf(limiter)).toBe(1500);
    expect(pauseOf(limiter)).toBe(3000);
    expect(pauseOf(limiter)).toBe(6000);
    limiter.resetBackoff();
    expect(pauseOf(limiter)).toBe(1500);
  });

  it('counts refusals of requests that were under way together as one', () => {
    const limiter = budget();
    expect([limiter.pause(), limiter.pause(), limiter.pause()]).toEqual([1500, 1500, 1500]);
    vi.advanceTimersByTime(1500);
    expect(pauseOf(limiter)).toBe(3000);
  });

  it('turns a caller away at once when the wait would be too long', async () => {
    const limiter = budget({ maxWaitMs: 5000 });
    limiter.pause(20_000);
    await expect(limiter.acquire()).rejects.toThrow(RateLimitExceededError);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await startsOf(limiter, 1, 5000)).toEqual([20_000]);
  });
});

/** Pauses, then lets the pause run out. */
function pauseOf(limiter: RateLimiter): number {
  const pauseMs = limiter.pause();
  vi.advanceTimersByTime(pauseMs);
  return pauseMs;
}
