import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

type Named = Readonly<Record<string, string>>;
type Manifest = Readonly<{ dependencies: Named; devDependencies: Named }>;
type LockEntry = Partial<Manifest> & Readonly<{ optionalDependencies?: Named }>;

const root = resolve(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');

const manifest = JSON.parse(read('package.json')) as Manifest;
const [, atRunTime = '', forDevelopment = ''] = read('docs/dependencies.md').split(/^## .*$/mu);

/** `npm:typescript@7.0.2` is version 7.0.2. */
function versions(named: Named): Map<string, string> {
  return new Map(Object.entries(named).map(([name, range]) => [name, range.replace(/^npm:.+@/u, '')]));
}

/** Rows of a table with a version and text in each of the other two cells. */
function documented(section: string): Map<string, string> {
  const rows = section.matchAll(/^\| (?<name>\S+) \| (?<version>\d\S*) \| [^|]{4,} \| [^|]{4,} \|$/gmu);
  return new Map(Array.from(rows, ({ groups }) => [groups?.['name'] ?? '', groups?.['version'] ?? '']));
}

describe('docs/dependencies.md', () => {
  it('has a reason for each dependency at run time, at its version, and no other', () => {
    expect(documented(atRunTime)).toEqual(versions(manifest.dependencies));
  });

  it('has a reason for each dependency for development, at its version, and no other', () => {
    expect(documented(forDevelopment)).toEqual(versions(manifest.devDependencies));
  });
});

describe('package.json', () => {
  it('pins exact versions', () => {
    const all = [...versions(manifest.dependencies).values(), ...versions(manifest.devDependencies).values()];
    expect(all.filter((version) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/u.test(version))).toEqual([]);
  });

  it('pins the Node version of .nvmrc', () => {
    expect(manifest.dependencies['node']).toBe(read('.nvmrc').trim());
  });
});

describe('package-lock.json', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, LockEntry | undefined>;
  };

  it('matches package.json', () => {
    expect(lock.packages['']).toMatchObject({
      dependencies: manifest.dependencies,
      devDependencies: manifest.devDependencies,
    });
  });

  it('has the binaries of every platform, as npm ci requires', () => {
    const locked = new Set(Object.keys(lock.packages).map((path) => path.replace(/^.*node_modules\//u, '')));
    const wanted = Object.values(lock.packages).flatMap((entry) =>
      Object.keys(entry?.optionalDependencies ?? {}),
    );
    expect(wanted.filter((name) => !locked.has(name))).toEqual([]);
  });
});
