import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import guard from '../../../dependency-cruiser.config.mjs';
import { validTree, violations } from '../../tooling/architecture-violations.ts';
import { type Cruise, cruise } from '../../tooling/cruise.ts';

const root = resolve(import.meta.dirname, '../../..');

/** Cruises the files as a separate tree with the packages of this one. */
function cruiseFiles(files: Readonly<Record<string, string>>, folders: readonly string[]): Cruise {
  const tree = mkdtempSync(join(tmpdir(), 'architecture-'));
  try {
    for (const file of ['package.json', 'tsconfig.json']) cpSync(join(root, file), join(tree, file));
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), text);
    }
    return cruise(tree, folders);
  } finally {
    rmSync(tree, { recursive: true });
  }
}

describe('the dependency rules', { timeout: 30_000 }, () => {
  it('accept a tree that follows them', () => {
    const result = cruiseFiles(validTree, ['src', 'dev-env', 'bench', 'tests']);
    expect(result.violations).toEqual([]);
  });

  it('report every planted violation as an error', () => {
    const planted = Object.fromEntries(violations.map(([, path, text]) => [path, text]));
    const result = cruiseFiles({ ...validTree, ...planted }, ['src', 'dev-env', 'bench', 'tests', 'public']);
    const reported = new Set(
      result.violations.flatMap(({ rule, from, to }) => [`${rule} ${from}`, `${rule} ${to}`]),
    );
    expect(
      violations.map(([rule, path]) => `${rule} ${path}`).filter((violation) => !reported.has(violation)),
    ).toEqual([]);
    expect(result.errors).toBe(result.violations.length);
  });

  it('each have a planted violation', () => {
    const names = guard.forbidden.map((rule) => rule.name);
    expect(new Set<string>(violations.map(([rule]) => rule))).toEqual(new Set(names));
  });

  it('each say in a comment what to do instead', () => {
    for (const rule of guard.forbidden) expect(rule.comment, rule.name).toMatch(/^.{40,}[.]$/u);
  });

  it('cover every file of src: a parser that reads nothing would report no violation', () => {
    const files = globSync('src/**/*.ts', { cwd: root });
    expect(files.length).toBeGreaterThan(50);
    expect(cruise(root, ['src']).modules).toEqual(expect.arrayContaining(files));
  });
});
