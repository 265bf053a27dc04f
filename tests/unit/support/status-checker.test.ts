import { describe, expect, it } from 'vitest';
import { findStatusViolations } from '../../support/checkers/status-checker.ts';

describe('the check of final statuses', () => {
  it('accepts correct statuses', () => {
    const reported = [
      { text: 'a', status: 'delivered' },
      { text: 'b', status: 'read' },
      { text: 'c', status: 'failed' },
      { text: 'd', status: 'unknown' },
      { text: 'e', status: 'unknown' },
    ];
    expect(findStatusViolations(reported, ['a', 'b', 'e'])).toEqual([]);
  });

  it.each([
    ['delivered', [], 'm is delivered but not shown by any phone'],
    ['delivered', ['m', 'm'], 'm was shown 2 times'],
    ['unknown', ['m', 'm'], 'm was shown 2 times'],
    ['failed', ['m'], 'm is failed, and was shown'],
    ['expired', ['m'], 'm is expired, and was shown'],
    ['sending', [], 'm is still sending'],
    ['sent', ['m'], 'm is still sent'],
  ])('finds a message that is %s and shown as %j', (status, shown, sentence) => {
    expect(findStatusViolations([{ text: 'm', status }], shown)).toEqual([sentence]);
  });
});
