import { describe, expect, it } from 'vitest';
import { EventBudget } from '../../../src/realtime/socket-rate-limit.ts';

describe('EventBudget', () => {
  it('allows twenty events in ten seconds, refuses the next, and gives up after a hundred', () => {
    let nowMs = 0;
    const budget = new EventBudget(() => nowMs);
    const verdicts = Array.from({ length: 101 }, () => budget.spend());
    expect(verdicts.slice(0, 20)).toEqual(Array(20).fill('allowed'));
    expect(verdicts.slice(20, 100)).toEqual(Array(80).fill('refused'));
    expect(verdicts[100]).toBe('flood');
    expect(budget.waitSeconds).toBe(10);
    nowMs = 10_000;
    expect(budget.spend()).toBe('allowed');
  });
});
