import { describe, expect, it } from 'vitest';
import { Outage } from '../../../../src/lib/async/outage-monitor.ts';

const bounds = { shortest: 100, longest: 5_000 };

function startedAt(nowMs: number) {
  const clock = { nowMs };
  const told: unknown[] = [];
  const report = {
    began: (error: unknown) => void told.push(error),
    ended: (lastedMs: number) => void told.push(lastedMs),
  };
  return { clock, told, outage: new Outage(report, () => clock.nowMs) };
}

describe('an outage', () => {
  it('is told once when it begins, with its cause, and once when it is over, with its length', () => {
    const { clock, told, outage } = startedAt(1_000);
    outage.over();
    for (const error of ['first', 'second', 'third']) outage.felt(error, bounds);
    clock.nowMs = 4_000;
    outage.over();
    outage.over();
    expect(told).toEqual(['first', 3_000]);
  });

  it('begins anew after it was over', () => {
    const { told, outage } = startedAt(0);
    outage.felt('first', bounds);
    outage.over();
    outage.felt('second', bounds);
    expect(told).toEqual(['first', 0, 'second']);
  });

  it('makes its victims wait as long again as it has lasted, within bounds', () => {
    const { clock, outage } = startedAt(0);
    const waits = [0, 100, 200, 400, 6_000].map((nowMs) => {
      clock.nowMs = nowMs;
      return outage.felt('down', bounds);
    });
    expect(waits).toEqual([100, 100, 200, 400, 5_000]);
  });
});
