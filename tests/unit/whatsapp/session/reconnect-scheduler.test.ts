import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  ReconnectScheduler,
  ReconnectRateLimiter,
} from '../../../../src/whatsapp/session/reconnect-scheduler.ts';
import { defaultTimeouts } from '../../../../src/whatsapp/timeouts.ts';
import { seededRandom } from '../../../support/fixtures/seeded-random.ts';

const sessions = 300;
const perSecond = 6;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

describe('fault 18: all sessions are closed with 503 at once', () => {
  it('their sockets open at the budget at most, and all are back within a minute', async () => {
    const startedAtMs = Date.now();
    const budget = new ReconnectRateLimiter(perSecond, () => Date.now());
    const random = seededRandom(18);
    const openedAtMs: number[] = [];
    for (let index = 0; index < sessions; index += 1) {
      const retries = new ReconnectScheduler(
        { timeouts: defaultTimeouts, random, reconnectRateLimiter: budget },
        (attempt) => void attempt(),
      );
      retries.schedule(() =>
        retries.runRateLimited(async () => void openedAtMs.push(Date.now() - startedAtMs)),
      );
    }
    await vi.advanceTimersByTimeAsync(60_000);

    expect(openedAtMs).toHaveLength(sessions);
    const inSecond = (atMs: number) => openedAtMs.filter((other) => other >= atMs && other < atMs + 1_000);
    expect(Math.max(...openedAtMs.map((atMs) => inSecond(atMs).length))).toBeLessThanOrEqual(perSecond);
    // It is used, too.
    expect(Math.max(...openedAtMs)).toBeLessThan((sessions / perSecond) * 1_000 + 2_000);
  });

  it('one session alone does not wait for its turn', () => {
    const budget = new ReconnectRateLimiter(perSecond, () => Date.now());
    expect(budget.reserve()).toBe(0);
    vi.advanceTimersByTime(1_000);
    expect(budget.reserve()).toBe(0);
  });

  it('a turn that was given back by nobody costs no more than its own time', () => {
    const budget = new ReconnectRateLimiter(perSecond, () => Date.now());
    for (let index = 0; index < perSecond * 10; index += 1) budget.reserve();
    expect(budget.reserve()).toBeCloseTo(10_000);
    vi.advanceTimersByTime(20_000);
    expect(budget.reserve()).toBe(0);
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
