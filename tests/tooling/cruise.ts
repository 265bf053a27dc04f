import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

export type Violation = Readonly<{ rule: string; from: string; to: string }>;

export type Cruise = Readonly<{
  errors: number;
  modules: readonly string[];
  violations: readonly Violation[];
}>;

type Report = {
  modules: { source: string }[];
  summary: { error: number; violations: { from: string; to: string; rule: { name: string } }[] };
};

/** Runs the dependency check of `make check` on the folders of `tree`. Paths in the result are relative to `tree`. */
export function cruise(tree: string, folders: readonly string[]): Cruise {
  const program = resolve(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs');
  const rules = resolve(root, 'dependency-cruiser.config.mjs');
  const run = spawnSync(process.execPath, [program, '--config', rules, '--output-type', 'json', ...folders], {
    cwd: tree,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (!run.stdout.startsWith('{')) throw new Error(`dependency-cruiser did not report: ${run.stderr}`);
  const report = JSON.parse(run.stdout) as Report;
  return {
    errors: report.summary.error,
    modules: report.modules.map((module) => module.source),
    violations: report.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
