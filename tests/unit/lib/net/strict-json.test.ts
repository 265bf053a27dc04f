import { describe, expect, it } from 'vitest';
import { exceedsJsonDepth, parseStrictJson } from '../../../../src/lib/net/strict-json.ts';

describe('parseStrictJson', () => {
  it('reads what JSON.parse reads', () => {
    expect(parseStrictJson('{"a":[1,{"b":"]}\\"["}],"proto":null}', 4)).toEqual({
      a: [1, { b: ']}"[' }],
      proto: null,
    });
  });

  it('leaves numbers as they are written where it is asked to', () => {
    const text = '{"a":1990.00,"b":[0,-1.5e3],"c":"1","d":null}';
    expect(parseStrictJson(text, 4, { numbersAsText: true })).toEqual({
      a: '1990.00',
      b: ['0', '-1.5e3'],
      c: '1',
      d: null,
    });
  });

  it('refuses a level too many, and counts no bracket of a string', () => {
    expect(exceedsJsonDepth('[[]]', 2)).toBe(false);
    expect(exceedsJsonDepth('[[[]]]', 2)).toBe(true);
    expect(exceedsJsonDepth('["[[[[\\"[["]', 2)).toBe(false);
    expect(() => parseStrictJson('['.repeat(30_000), 32)).toThrow(
      expect.objectContaining({ reason: 'depth' }),
    );
  });

  it('refuses keys that reach the prototype, at any depth and however they are written', () => {
    for (const text of ['{"__proto__":1}', '[{"\\u005f_proto__":{}}]', '{"a":{"constructor":{}}}']) {
      expect(() => parseStrictJson(text, 32)).toThrow(expect.objectContaining({ reason: 'key' }));
    }
  });

  it('refuses what is no JSON', () => {
    expect(() => parseStrictJson('{"a":', 32)).toThrow(expect.objectContaining({ reason: 'syntax' }));
  });
});
