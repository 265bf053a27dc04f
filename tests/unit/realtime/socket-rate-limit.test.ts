import { describe, expect, it } from 'vitest';
import { SocketRateLimit } from '../../../src/realtime/socket-rate-limit.ts';

describe('EventBudget', () => {
  it('allows twenty events in ten seconds, refuses the next, and gives up after a hundred', () => {
    let nowMs = 0;
    const budget = new SocketRateLimit(() => nowMs);
    const decisions = Array.from({ length: 101 }, () => budget.consume());
    expect(decisions.slice(0, 20)).toEqual(Array(20).fill('allowed'));
    expect(decisions.slice(20, 100)).toEqual(Array(80).fill('refused'));
    expect(decisions[100]).toBe('flood');
    expect(budget.retryAfterSeconds).toBe(10);
    nowMs = 10_000;
    expect(budget.consume()).toBe('allowed');
  });
});
