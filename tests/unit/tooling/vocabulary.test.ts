import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findInFiles, findInSubjects, findInText, readSubjects } from '../../tooling/find-old-terms.ts';
import { vocabulary } from '../../tooling/vocabulary.ts';

// This file is checked too, so that it takes old terms from the list.
const [planted] = vocabulary;
const oldTerm = planted?.example ?? '';
const snakeCase = (name: string): string => name.replaceAll(/(?<=[a-z])(?=[A-Z])/gu, '_').toLowerCase();
const hasGit = spawnSync('git', ['--version']).error === undefined;

describe('the vocabulary check', () => {
  let tree = '';

  beforeEach(() => {
    tree = mkdtempSync(join(tmpdir(), 'vocabulary-'));
  });
  afterEach(() => rmSync(tree, { recursive: true }));

  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  };
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', ...args], {
      cwd: tree,
      encoding: 'utf8',
    }).trim();
  const commit = (subject: string): string => {
    git('commit', '--quiet', '--allow-empty', '--message', subject);
    return git('rev-parse', 'HEAD');
  };

  it.each(vocabulary.map((term) => [term.example, term] as const))(
    'reports "%s"',
    (example, { standard }) => {
      expect(findInText('a.ts', example)).toContainEqual(expect.objectContaining({ standard }));
    },
  );

  it.each([
    [
      'an identifier',
      'src/storage/a.ts',
      `export const ${oldTerm[0]?.toLowerCase()}${oldTerm.slice(1)} = 1;`,
    ],
    ['a comment', 'src/a.ts', `/** Runs ${oldTerm}. */`],
    ['a comment in SQL', 'supabase/schemas/a.sql', `-- ${oldTerm}`],
    ['a name in SQL', 'supabase/schemas/a.sql', `  last_${snakeCase(oldTerm)}_at timestamptz,`],
    ['a text of a page', 'public/locales/en.json', `{ "hint": "${oldTerm}" }`],
    ['a document', 'docs/decisions/a.md', oldTerm],
    ['the README', 'README.md', oldTerm],
    ['the changelog', 'CHANGELOG.md', oldTerm],
    ['.env.example', '.env.example', `# ${oldTerm}`],
    ['a page', 'public/index.html', `<p>${oldTerm}</p>`],
    ['a test title', 'tests/unit/a.test.ts', `it('keeps ${oldTerm}', () => {});`],
  ])('reports an old term in %s, with its line and replacement', (_kind, path, text) => {
    write(path, `\n${text}\n`);
    expect(findInFiles(tree)).toMatchObject([{ place: `${path}:2`, standard: planted?.standard }]);
  });

  it('accepts old terms in names of the API', () => {
    const names = ['webhook_buried', '_buried', '${eventPrefix}_buried', 'buried_at', 'whatsapp_hears_again'];
    expect(findInText('a.ts', names.join('\n'))).toEqual([]);
  });

  it('reports an old term in the name of a file', () => {
    write(`src/lib/${oldTerm}.ts`, '');
    expect(findInFiles(tree)).toHaveLength(1);
  });

  it('exempts the list and the glossary, and no other file', () => {
    for (const path of ['tests/tooling/vocabulary.ts', 'docs/glossary.md', 'docs/other.md'])
      write(path, oldTerm);
    expect(findInFiles(tree).map(({ place }) => place)).toEqual(['docs/other.md:1']);
  });

  it.runIf(hasGit)('reports commit subjects with an old term, without an area, or over 72 characters', () => {
    git('init', '--quiet');
    const base = commit(`Before the rule: ${oldTerm}`);
    commit('storage: claim jobs in batches');
    commit(`lib: rename ${oldTerm}`);
    commit('Claim jobs in batches');
    commit(`lib: ${'x'.repeat(68)}`);
    const history = readSubjects(tree, base);
    const findings = findInSubjects('subjects' in history ? history.subjects : []);
    expect(findings.map(({ found }) => found)).toEqual([
      `lib: ${'x'.repeat(68)}`,
      'Claim jobs in batches',
      expect.stringMatching(planted?.pattern ?? /^$/u),
    ]);
  });

  it('skips commit subjects without git, and says so', () => {
    expect(readSubjects(tree, 'HEAD', 'no-such-git')).toEqual({ skipped: 'git is not installed' });
  });

  it.runIf(hasGit)(
    'skips commit subjects outside of a repository and in a shallow clone, and says so',
    () => {
      expect(readSubjects(tree)).toEqual({ skipped: 'this is no git repository' });
      git('init', '--quiet');
      commit('storage: first commit of a shallow clone');
      expect(readSubjects(tree)).toEqual({ skipped: 'the history does not reach commit 8ab2a95' });
    },
  );
});
