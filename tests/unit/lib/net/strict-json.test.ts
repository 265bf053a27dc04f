import { describe, expect, it } from 'vitest';
import { exceedsJsonDepth, parseStrictJson } from '../../../../src/lib/net/strict-json.ts';

describe('parseStrictJson', () => {
  it('parses what JSON.parse parses', () => {
    expect(parseStrictJson('{"a":[1,{"b":"]}\\"["}],"proto":null}', 4)).toEqual({
      a: [1, { b: ']}"[' }],
      proto: null,
    });
  });

  it('returns numbers as source text with numbersAsText', () => {
    const text = '{"a":1990.00,"b":[0,-1.5e3],"c":"1","d":null}';
    expect(parseStrictJson(text, 4, { numbersAsText: true })).toEqual({
      a: '1990.00',
      b: ['0', '-1.5e3'],
      c: '1',
      d: null,
    });
  });

  it('rejects excessive depth and ignores brackets in strings', () => {
    expect(exceedsJsonDepth('[[]]', 2)).toBe(false);
    expect(exceedsJsonDepth('[[[]]]', 2)).toBe(true);
    expect(exceedsJsonDepth('["[[[[\\"[["]', 2)).toBe(false);
    expect(() => parseStrictJson('['.repeat(30_000), 32)).toThrow(
      expect.objectContaining({ reason: 'depth' }),
    );
  });

  it('rejects prototype keys at any depth and in any escaping', () => {
    for (const text of ['{"__proto__":1}', '[{"\\u005f_proto__":{}}]', '{"a":{"constructor":{}}}']) {
      expect(() => parseStrictJson(text, 32)).toThrow(expect.objectContaining({ reason: 'key' }));
    }
  });

  it('rejects invalid JSON', () => {
    expect(() => parseStrictJson('{"a":', 32)).toThrow(expect.objectContaining({ reason: 'syntax' }));
  });
});
