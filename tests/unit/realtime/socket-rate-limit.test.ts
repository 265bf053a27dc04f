import { describe, expect, it } from 'vitest';
import { SocketRateLimit } from '../../../src/realtime/socket-rate-limit.ts';

describe('SocketRateLimit', () => {
  it('allows 20 events in ten seconds, refuses the next 80 and reports a flood after 100', () => {
    let nowMs = 0;
    const rateLimit = new SocketRateLimit(() => nowMs);
    const decisions = Array.from({ length: 101 }, () => rateLimit.consume());
    expect(decisions.slice(0, 20)).toEqual(Array(20).fill('allowed'));
    expect(decisions.slice(20, 100)).toEqual(Array(80).fill('refused'));
    expect(decisions[100]).toBe('flood');
    expect(rateLimit.retryAfterSeconds).toBe(10);
    nowMs = 10_000;
    expect(rateLimit.consume()).toBe('allowed');
  });
});
