import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const longestFileLines = 300;

const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
const find = (pattern: string): string[] => globSync(pattern, { cwd: root });

describe('the source files', () => {
  it(`have ${longestFileLines} lines at most`, () => {
    const files = find('{src,tests,public}/**/*.{ts,js,mjs,css,html}');
    const lineCount = (path: string): number => read(path).trimEnd().split('\n').length;
    expect(files.length).toBeGreaterThan(100);
    expect(files.filter((path) => lineCount(path) > longestFileLines)).toEqual([]);
  });

  it('of the product have no `any` and switch off no compiler check', () => {
    const escape = /:\s*any\b|\bas any\b|<any\b|\bany\[\]|\bany>|@ts-(?:ignore|expect-error|nocheck)/u;
    const offenders = find('src/**/*.ts').filter((path) => escape.test(withoutProse(read(path))));
    expect(offenders).toEqual([]);
  });
});

/** Comments may say `any`, but not to the compiler. */
function withoutProse(code: string): string {
  return code.replaceAll(/\/\*[^]*?\*\/|\/\/(?!\s*@ts-).*$/gmu, '');
}
