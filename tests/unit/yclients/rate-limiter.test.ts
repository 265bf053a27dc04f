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

function createLimiter(options: RateLimiterOptions = {}) {
  return new RateLimiter({ monotonicMs: () => Date.now(), random: () => 0.5 }, options);
}

/** Start times in milliseconds of `count` concurrent callers. */
async function startTimes(limiter: RateLimiter, count: number, runMs: number): Promise<number[]> {
  const starts: number[] = [];
  const callers = Array.from({ length: count }, async () => {
    await limiter.acquire();
    starts.push(Date.now());
  });
  await vi.advanceTimersByTimeAsync(runMs);
  await Promise.all(callers);
  return starts;
}

function maxStartsWithin(starts: readonly number[], windowMs: number): number {
  return Math.max(...starts.map((from) => starts.filter((at) => at >= from && at < from + windowMs).length));
}

describe('RateLimiter', () => {
  it('allows four starts in any second and 180 in any minute', async () => {
    const starts = await startTimes(createLimiter({ maxWaitMs: 600_000 }), 400, 180_000);
    expect(starts).toHaveLength(400);
    expect(maxStartsWithin(starts, 1000)).toBe(4);
    expect(maxStartsWithin(starts, 60_000)).toBe(180);
  });

  it('starts callers 250 ms apart', async () => {
    expect(await startTimes(createLimiter(), 4, 2000)).toEqual([0, 250, 500, 750]);
  });

  it('starts callers in order', async () => {
    const limiter = createLimiter();
    const order: number[] = [];
    const callers = Array.from({ length: 12 }, async (_, caller) => {
      await limiter.acquire();
      order.push(caller);
    });
    await vi.advanceTimersByTimeAsync(5000);
    await Promise.all(callers);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('starts no caller during a pause, including those already waiting', async () => {
    const limiter = createLimiter();
    await startTimes(limiter, 1, 1);
    const waiting = startTimes(limiter, 2, 10_000);
    limiter.pause(7000);
    expect(await waiting).toEqual([7001, 7251]);
  });

  it('doubles the pause with each 429 without retry-after until a request succeeds', () => {
    const limiter = createLimiter();
    expect(pauseAndWait(limiter)).toBe(1500);
    expect(pauseAndWait(limiter)).toBe(3000);
    expect(pauseAndWait(limiter)).toBe(6000);
    limiter.resetBackoff();
    expect(pauseAndWait(limiter)).toBe(1500);
  });

  it('counts 429 responses during a pause as one', () => {
    const limiter = createLimiter();
    expect([limiter.pause(), limiter.pause(), limiter.pause()]).toEqual([1500, 1500, 1500]);
    vi.advanceTimersByTime(1500);
    expect(pauseAndWait(limiter)).toBe(3000);
  });

  it('rejects a caller at once when the wait would exceed the maximum', async () => {
    const limiter = createLimiter({ maxWaitMs: 5000 });
    limiter.pause(20_000);
    await expect(limiter.acquire()).rejects.toThrow(RateLimitExceededError);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(await startTimes(limiter, 1, 5000)).toEqual([20_000]);
  });
});

/** Pauses and advances the clock to the end of the pause. */
function pauseAndWait(limiter: RateLimiter): number {
  const pauseMs = limiter.pause();
  vi.advanceTimersByTime(pauseMs);
  return pauseMs;
}
