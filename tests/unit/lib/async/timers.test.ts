import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ReplaceableTimer } from '../../../../src/lib/async/timers.ts';

const dayMs = 24 * 60 * 60 * 1_000;

describe('ReplaceableTimer', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function alarmThatCounts() {
    const rings: number[] = [];
    const alarm = new ReplaceableTimer((task) => void task());
    const set = (delayMs: number) => alarm.set(delayMs, async () => void rings.push(Date.now()));
    return { alarm, rings, set };
  }

  it('fires once at its time, also beyond the maximum delay of setTimeout', async () => {
    const { rings, set } = alarmThatCounts();
    const setAtMs = Date.now();
    set(60 * dayMs);
    await vi.advanceTimersByTimeAsync(60 * dayMs - 1);
    expect(rings).toEqual([]);
    await vi.advanceTimersByTimeAsync(60 * dayMs);
    expect(rings).toEqual([setAtMs + 60 * dayMs]);
  });

  it('does not fire for a task that was cleared or replaced', async () => {
    const { alarm, rings, set } = alarmThatCounts();
    set(60 * dayMs);
    await vi.advanceTimersByTimeAsync(30 * dayMs);
    alarm.clear();
    await vi.advanceTimersByTimeAsync(60 * dayMs);
    expect(rings).toEqual([]);
    set(60 * dayMs);
    await vi.advanceTimersByTimeAsync(30 * dayMs);
    set(1_000);
    await vi.advanceTimersByTimeAsync(60 * dayMs);
    expect(rings).toHaveLength(1);
  });
});
