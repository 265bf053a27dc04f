import { expect, it } from 'vitest';
import { BurstDetector } from '../../../src/inbox/burst-detector.ts';

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
