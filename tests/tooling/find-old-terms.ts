import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Term, vocabulary } from './vocabulary.ts';

export type Finding = Readonly<{ place: string; found: string; standard: string }>;

/** Commits after this one follow the rule for subjects. */
const baseCommit = '8ab2a95';
const maxSubjectLength = 72;
const subjectForm = /^[a-z0-9/-]+(?:, [a-z0-9/-]+)*: \S/u;

/** Names of the API that contain an old term: event types such as `webhook_buried`, and a field. */
const publicNames = /(?<!\w)(?:[a-z]*_buried|buried_at|whatsapp_hears_again)(?!\w)/gu;

const checkedFiles = [
  '{src,dev-env,bench,tests,public,supabase}/**/*.{ts,js,mjs,sql,html,css,svg,json,sh,md}',
  'docs/**/*.{md,yaml,yml,json}',
  '*.{md,ts,mjs,json}',
  '{.env.example,.gitignore,.npmrc,.ci/*}',
  'Makefile',
];
/** They name the old terms on purpose. */
const exemptFiles = new Set(['tests/tooling/vocabulary.ts', 'docs/glossary.md']);

/** Old terms in the lines of a text. `place` is completed by the line number. */
export function findInText(place: string, text: string): Finding[] {
  return text
    .split('\n')
    .flatMap((line, index) =>
      findInLine(line).map(({ found, standard }) => ({ place: `${place}:${index + 1}`, found, standard })),
    );
}

/** Old terms in the names and texts of a tree's files. */
export function findInFiles(root: string): Finding[] {
  const files = globSync(checkedFiles, { cwd: root, exclude: ['**/node_modules/**', 'package-lock.json'] });
  return files
    .filter((file) => !exemptFiles.has(file))
    .sort()
    .flatMap((file) => [
      ...findInLine(file).map((hit) => ({ place: file, ...hit })),
      ...findInText(file, readFileSync(join(root, file), 'utf8')),
    ]);
}

/** Subjects that are not `area: what changed` in 72 characters, or contain an old term. */
export function findInSubjects(subjects: readonly Readonly<{ hash: string; subject: string }>[]): Finding[] {
  return subjects.flatMap(({ hash, subject }) => {
    const place = `commit ${hash}`;
    const isWellFormed = subjectForm.test(subject) && subject.length <= maxSubjectLength;
    return [
      ...(isWellFormed ? [] : [{ place, found: subject, standard: '`area: what changed`, 72 characters' }]),
      ...findInLine(subject).map((hit) => ({ place, ...hit })),
    ];
  });
}

export type Subjects =
  | Readonly<{ subjects: { hash: string; subject: string }[] }>
  | Readonly<{ skipped: string }>;

/** Commit subjects since `base`; `skipped` says why there are none. */
export function readSubjects(root: string, base = baseCommit, git = 'git'): Subjects {
  const run = (...args: string[]) => spawnSync(git, args, { cwd: root, encoding: 'utf8' });
  const inside = run('rev-parse', '--show-toplevel');
  if (inside.error !== undefined) return { skipped: 'git is not installed' };
  if (inside.status !== 0) return { skipped: 'this is no git repository' };
  if (run('cat-file', '-e', `${base}^{commit}`).status !== 0) {
    return { skipped: `the history does not reach commit ${base}` };
  }
  const log = run('log', '--format=%h %s', '--no-merges', `${base}..HEAD`);
  const lines = log.stdout.split('\n').filter((line) => line !== '');
  return {
    subjects: lines.map((line) => {
      const [hash = '', ...words] = line.split(' ');
      return { hash, subject: words.join(' ') };
    }),
  };
}

function findInLine(line: string): Omit<Finding, 'place'>[] {
  const words = line
    .replaceAll(publicNames, '')
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/gu, ' ')
    .replaceAll('_', ' ');
  return vocabulary.flatMap(({ pattern, standard }: Term) => {
    const found = pattern.exec(line)?.[0] ?? pattern.exec(words)?.[0];
    return found === undefined ? [] : [{ found, standard }];
  });
}
