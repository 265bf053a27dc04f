import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');

const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const find = (pattern: string): string[] => globSync(pattern, { cwd: root });

describe('the source files', () => {
  it('of the product have no `any` and disable no compiler check', () => {
    const escape = /:\s*any\b|\bas any\b|<any\b|\bany\[\]|\bany>|@ts-(?:ignore|expect-error|nocheck)/u;
    const files = find('src/**/*.ts');
    expect(files.length).toBeGreaterThan(100);
    const offenders = files.filter((path) => escape.test(withoutProse(read(path))));
    expect(offenders).toEqual([]);
  });
});

/** Removes comments, except those addressed to the compiler. */
function withoutProse(code: string): string {
  return code.replaceAll(/\/\*[^]*?\*\/|\/\/(?!\s*@ts-).*$/gmu, '');
}
