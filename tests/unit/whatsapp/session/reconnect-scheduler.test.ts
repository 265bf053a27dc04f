import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ReconnectScheduler,
  ReconnectRateLimiter,
} from '../../../../src/whatsapp/session/reconnect-scheduler.ts';
import { defaultTimeouts } from '../../../../src/whatsapp/timeouts.ts';
import { seededRandom } from '../../../support/fixtures/seeded-random.ts';

const sessionCount = 300;
const perSecond = 6;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('ReconnectRateLimiter', () => {
  it('reconnects 300 sessions closed at once within a minute, at its rate', async () => {
    const startedAtMs = Date.now();
    const rateLimiter = new ReconnectRateLimiter(perSecond, () => Date.now());
    const random = seededRandom(18);
    const openedAtMs: number[] = [];
    for (let index = 0; index < sessionCount; index += 1) {
      const scheduler = new ReconnectScheduler(
        { timeouts: defaultTimeouts, random, reconnectRateLimiter: rateLimiter },
        (attempt) => void attempt(),
      );
      scheduler.schedule(() =>
        scheduler.runRateLimited(async () => void openedAtMs.push(Date.now() - startedAtMs)),
      );
    }
    await vi.advanceTimersByTimeAsync(60_000);

    expect(openedAtMs).toHaveLength(sessionCount);
    const inSecond = (atMs: number) => openedAtMs.filter((other) => other >= atMs && other < atMs + 1_000);
    expect(Math.max(...openedAtMs.map((atMs) => inSecond(atMs).length))).toBeLessThanOrEqual(perSecond);
    // The rate is used up.
    expect(Math.max(...openedAtMs)).toBeLessThan((sessionCount / perSecond) * 1_000 + 2_000);
  });

  it('admits a single session at once', () => {
    const rateLimiter = new ReconnectRateLimiter(perSecond, () => Date.now());
    expect(rateLimiter.reserve()).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect(rateLimiter.reserve()).toBe(0);
  });

  it('frees reserved slots as soon as their time has passed', () => {
    const rateLimiter = new ReconnectRateLimiter(perSecond, () => Date.now());
    for (let index = 0; index < perSecond * 10; index += 1) rateLimiter.reserve();
    expect(rateLimiter.reserve()).toBeCloseTo(10_000);
    vi.advanceTimersByTime(20_000);
    expect(rateLimiter.reserve()).toBe(0);
  });
});

describe('the back-off of one session', () => {
  function createScheduler() {
    const scheduler = new ReconnectScheduler(
      {
        timeouts: defaultTimeouts,
        random: () => 1,
        reconnectRateLimiter: new ReconnectRateLimiter(perSecond, () => Date.now()),
      },
      (attempt) => void attempt(),
    );
    /** Milliseconds until a scheduled attempt runs. */
    const measureDelay = async (): Promise<number> => {
      const startMs = Date.now();
      const { promise, resolve } = Promise.withResolvers<number>();
      scheduler.schedule(async () => resolve(Date.now() - startMs));
      await vi.runAllTimersAsync();
      return await promise;
    };
    return { scheduler, measureDelay };
  }

  it('doubles to one minute, and to five minutes after ten attempts', async () => {
    const { measureDelay } = createScheduler();
    const delays: number[] = [];
    for (let attempt = 1; attempt <= 12; attempt += 1) delays.push(await measureDelay());
    const minuteMs = 60_000;
    expect(delays.slice(0, 5)).toEqual([2_000, 4_000, 8_000, 16_000, 32_000]);
    expect(delays.slice(5, 10)).toEqual(Array.from({ length: 5 }, () => minuteMs));
    expect(delays.slice(10)).toEqual([5 * minuteMs, 5 * minuteMs]);
  });

  it('restarts from the base after a reset', async () => {
    const { scheduler, measureDelay } = createScheduler();
    for (let attempt = 1; attempt <= 12; attempt += 1) await measureDelay();
    scheduler.reset();
    expect(await measureDelay()).toBe(2_000);
  });
});
