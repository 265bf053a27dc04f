import { describe, expect, it } from 'vitest';
import { OutageMonitor } from '../../../../src/lib/async/outage-monitor.ts';

const bounds = { minMs: 100, maxMs: 5_000 };

function startedAt(nowMs: number) {
  const clock = { nowMs };
  const reported: unknown[] = [];
  const report = {
    began: (error: unknown) => void reported.push(error),
    ended: (lastedMs: number) => void reported.push(lastedMs),
  };
  return { clock, told: reported, outage: new OutageMonitor(report, () => clock.nowMs) };
}

describe('an outage', () => {
  it('is told once when it begins, with its cause, and once when it is over, with its length', () => {
    const { clock, told, outage } = startedAt(1_000);
    outage.success();
    for (const error of ['first', 'second', 'third']) outage.failure(error, bounds);
    clock.nowMs = 4_000;
    outage.success();
    outage.success();
    expect(told).toEqual(['first', 3_000]);
  });

  it('begins anew after it was over', () => {
    const { told, outage } = startedAt(0);
    outage.failure('first', bounds);
    outage.success();
    outage.failure('second', bounds);
    expect(told).toEqual(['first', 0, 'second']);
  });

  it('makes its victims wait as long again as it has lasted, within bounds', () => {
    const { clock, outage } = startedAt(0);
    const waits = [0, 100, 200, 400, 6_000].map((nowMs) => {
      clock.nowMs = nowMs;
      return outage.failure('down', bounds);
    });
    expect(waits).toEqual([100, 100, 200, 400, 5_000]);
  });
});
