import { describe, expect, it } from 'vitest';
import { jsonbSafe } from '../../../../src/storage/queue/job-table.ts';

const stored = (value: unknown): unknown => JSON.parse(jsonbSafe(value));

describe('JSON for Postgres', () => {
  it('loses what Postgres cannot hold, in values and in names', () => {
    expect(stored({ 'a\0b': ['x\ud800y', { deep: '\udfff' }] })).toEqual({
      'a\ufffdb': ['x\ufffdy', { deep: '\ufffd' }],
    });
  });

  it('keeps everything else, also what only looks like it', () => {
    const fine = {
      text: String.raw`\u0000 \ud800 \\u0000`,
      emoji: '💈',
      control: '\u0001\n',
      number: 1,
      none: null,
    };

    expect(stored(fine)).toEqual(fine);
    expect(stored({ ...fine, bad: '\0' })).toEqual({ ...fine, bad: '\ufffd' });
  });
});
