import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

describe('the documentation', () => {
  it('names only existing suites in docs/failure-modes.md', () => {
    const cells = read('docs/failure-modes.md')
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|').at(-2) ?? '');
    const suites = cells.flatMap((cell) =>
      Array.from(cell.matchAll(/`([^`]+)`/g), ([, suite = '']) => suite),
    );
    expect(suites.length).toBeGreaterThan(100);
    const folder = (suite: string): string =>
      /^(?:unit|e2e|resilience)\//.test(suite) ? '' : 'integration/';
    expect(
      suites.filter((suite) => !existsSync(resolve(root, `tests/${folder(suite)}${suite}.test.ts`))),
    ).toEqual([]);
  });

  it('links to existing files and headings', () => {
    const pages = ['README.md', ...globSync('{docs,supabase,dev-env}/**/*.md', { cwd: root })];
    const broken = pages.flatMap((page) =>
      Array.from(read(page).matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g))
        .filter(
          ([, path = '', heading]) => !isTarget(resolve(root, dirname(page), path), page, path, heading),
        )
        .map(([link]) => `${page}: ${link}`),
    );
    expect(broken).toEqual([]);
  });

  it('names only existing files of src', () => {
    const pages = ['README.md', ...globSync('docs/**/*.md', { cwd: root })];
    const missing = pages.flatMap((page) =>
      Array.from(
        read(page).matchAll(/`((?:src|supabase|dev-env|bench|tests)\/[\w./-]+\.\w+)`/g),
        ([, path = '']) => path,
      )
        .filter((path) => !existsSync(resolve(root, path)))
        .map((path) => `${page}: ${path}`),
    );
    expect(missing).toEqual([]);
  });
});

/** True when the file exists and has the heading, by GitHub's rule for anchors. */
function isTarget(file: string, page: string, path: string, heading: string | undefined): boolean {
  const target = path === '' ? resolve(root, page) : file;
  if (!existsSync(target)) return false;
  if (heading === undefined) return true;
  const anchors = Array.from(readFileSync(target, 'utf8').matchAll(/^#+ (.+)$/gm), ([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
  return anchors.includes(heading);
}
