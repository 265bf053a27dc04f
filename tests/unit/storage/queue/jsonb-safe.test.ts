import { describe, expect, it } from 'vitest';
import { jsonbSafe } from '../../../../src/storage/queue/job-table.ts';

const stored = (value: unknown): unknown => JSON.parse(jsonbSafe(value));

describe('jsonbSafe', () => {
  it('replaces NUL and lone surrogates in values and keys', () => {
    expect(stored({ 'a\0b': ['x\ud800y', { deep: '\udfff' }] })).toEqual({
      'a\ufffdb': ['x\ufffdy', { deep: '\ufffd' }],
    });
  });

  it('keeps everything else, including escaped escapes', () => {
    const valid = {
      text: String.raw`\u0000 \ud800 \\u0000`,
      emoji: '💈',
      control: '\u0001\n',
      number: 1,
      none: null,
    };

    expect(stored(valid)).toEqual(valid);
    expect(stored({ ...valid, bad: '\0' })).toEqual({ ...valid, bad: '\ufffd' });
  });
});
