import { join } from 'node:path';
import type { Command } from './run-step.ts';

export type Step = Readonly<{
  name: string;
  command: Command;
  timeoutMs: number;
  /** Where vitest leaves its report; absent for a tool, which counts as one test. */
  report?: string;
  /** Shown also when it passes. */
  alwaysPrint?: boolean;
}>;

const minute = 60_000;

/** What `make check` runs, the longest first. They do not depend on each other. */
export function checks(reports: string): readonly Step[] {
  return [
    suite('unit', 3 * minute, reports),
    tool('lint', 'oxlint', '--type-aware', '--deny-warnings'),
    tool('dead code', 'knip'),
    tool('dead code in production', 'knip', '--production'),
    tool(
      'architecture',
      'depcruise',
      '--config',
      'dependency-cruiser.config.mjs',
      'src',
      'dev-env',
      'bench',
      'tests',
      'public',
    ),
    tool('types', 'tsc', '--noEmit'),
    tool('format', 'oxfmt', '--check', '.'),
  ];
}

/** What `make test` runs after the checks, one after another: each wants the machine for itself. */
export function slowSteps(reports: string): readonly Step[] {
  return [
    suite('integration', 20 * minute, reports),
    suite('e2e', 8 * minute, reports),
    { name: 'bench', command: ['node', 'bench/webhooks.ts', '--quick'], timeoutMs: 3 * minute },
    {
      name: 'demo',
      command: ['node', 'dev-env/demo/demo-once.ts'],
      timeoutMs: 3 * minute,
      alwaysPrint: true,
    },
  ];
}

function tool(name: string, ...command: Command): Step {
  return { name, command, timeoutMs: 2 * minute };
}

function suite(project: string, timeoutMs: number, reports: string): Step {
  const report = join(reports, `${project}.json`);
  return {
    name: project,
    command: [
      'vitest',
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
    ],
    timeoutMs,
    report,
  };
}
