import { describe, expect, it } from 'vitest';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';

const bounds = { minMs: 100, maxMs: 5_000 };

function createMonitor(nowMs: number) {
  const clock = { nowMs };
  const reported: unknown[] = [];
  const report = {
    began: (error: unknown) => void reported.push(error),
    ended: (durationMs: number) => void reported.push(durationMs),
  };
  return { clock, reported, outage: new OutageMonitor(report, () => clock.nowMs) };
}

describe('OutageMonitor', () => {
  it('reports the start once with its cause and the end once with its duration', () => {
    const { clock, reported, outage } = createMonitor(1_000);
    outage.success();
    for (const error of ['first', 'second', 'third']) outage.failure(error, bounds);
    clock.nowMs = 4_000;
    outage.success();
    outage.success();
    expect(reported).toEqual(['first', 3_000]);
  });

  it('reports each outage', () => {
    const { reported, outage } = createMonitor(0);
    outage.failure('first', bounds);
    outage.success();
    outage.failure('second', bounds);
    expect(reported).toEqual(['first', 0, 'second']);
  });

  it('delays retries by the duration of the outage, within bounds', () => {
    const { clock, outage } = createMonitor(0);
    const delays = [0, 100, 200, 400, 6_000].map((nowMs) => {
      clock.nowMs = nowMs;
      return outage.failure('down', bounds);
    });
    expect(delays).toEqual([100, 100, 200, 400, 5_000]);
  });
});
