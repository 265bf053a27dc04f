import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from './run-step.ts';

export type Step = Readonly<{
  name: string;
  command: Command;
  timeoutMs: number;
  environment?: Readonly<Record<string, string>>;
  /** JSON report that vitest writes; absent for a tool, which counts as one test. */
  report?: string;
  /** When its output is printed: after a failure (default), also after a success, or as it arrives. */
  output?: 'always' | 'live';
}>;

type SuiteOptions = Readonly<{
  /** Project of vitest.config.ts. */
  project: string;
  /** Test files; absent: all of the project. */
  files?: readonly string[];
  timeoutMs: number;
  environment?: Readonly<Record<string, string>>;
}>;

const root = resolve(import.meta.dirname, '../..');
const minute = 60_000;

/** Steps of `make check`, the longest first. They run in parallel. */
export function checks(reports: string): readonly Step[] {
  return [
    suite('unit', reports, { project: 'unit', timeoutMs: 3 * minute }),
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
    tool('vocabulary', 'node', 'tests/tooling/check-vocabulary.ts', 'files'),
    {
      ...tool('commit subjects', 'node', 'tests/tooling/check-vocabulary.ts', 'subjects'),
      output: 'always',
    },
    tool('types', 'tsc', '--noEmit'),
    tool('format', 'oxfmt', '--check', '.'),
  ];
}

/** Steps that `make test` runs after the checks, one at a time: each uses the whole machine. */
export function slowSteps(reports: string): readonly Step[] {
  return [
    suite('integration', reports, { project: 'integration', timeoutMs: 20 * minute }),
    suite('kill -9, short', reports, {
      project: 'resilience',
      files: [
        'tests/resilience/crash.test.ts',
        'tests/resilience/crash-rounds.test.ts',
        'tests/resilience/webhook-kills.test.ts',
      ],
      environment: { CRASH_ROUNDS: '2', CRASH_OUTAGE_SECONDS: '3' },
      timeoutMs: 5 * minute,
    }),
    suite('e2e', reports, { project: 'e2e', timeoutMs: 8 * minute }),
    { name: 'bench', command: ['node', 'bench/webhooks.ts', '--quick'], timeoutMs: 3 * minute },
    {
      name: 'demo',
      command: ['node', 'dev-env/demo/demo-once.ts'],
      timeoutMs: 3 * minute,
      output: 'always',
    },
  ];
}

/** Steps of `make resilience`, one at a time, on both engines. tests/resilience/sizes.ts has their sizes. */
export function resilienceSteps(reports: string): readonly Step[] {
  const bothEngines = { TEST_ENGINES: 'all' };
  return [
    liveSuite('engines', reports, {
      project: 'integration',
      files: suitesOnEngines(),
      environment: { ...bothEngines, KEY_ROTATION_SESSIONS: '20' },
      timeoutMs: 30 * minute,
    }),
    liveSuite('crash', reports, {
      project: 'resilience',
      files: ['tests/resilience/crash.test.ts', 'tests/resilience/webhook-kills.test.ts'],
      environment: bothEngines,
      timeoutMs: 15 * minute,
    }),
    liveSuite('crash-rounds', reports, {
      project: 'resilience',
      files: ['tests/resilience/crash-rounds.test.ts'],
      environment: bothEngines,
      timeoutMs: 120 * minute,
    }),
    liveSuite('soak', reports, {
      project: 'resilience',
      files: ['tests/resilience/soak.test.ts'],
      timeoutMs: 120 * minute,
    }),
  ];
}

/** Integration suites whose engines depend on TEST_ENGINES, and the key rotation, which runs on both credential stores. */
function suitesOnEngines(): readonly string[] {
  const usesEngines = /\b(?:engines|localEngines)\(|\bKEY_ROTATION_SESSIONS\b/u;
  return globSync('tests/integration/**/*.test.ts', { cwd: root })
    .filter((file) => usesEngines.test(readFileSync(join(root, file), 'utf8')))
    .sort();
}

function tool(name: string, ...command: Command): Step {
  return { name, command, timeoutMs: 2 * minute };
}

function liveSuite(name: string, reports: string, options: SuiteOptions): Step {
  const step = suite(name, reports, options);
  return { ...step, command: [...step.command, '--disable-console-intercept'], output: 'live' };
}

function suite(name: string, reports: string, options: SuiteOptions): Step {
  const { project, files = [], timeoutMs, environment } = options;
  const report = join(reports, `${name.replaceAll(/\W+/gu, '-')}.json`);
  return {
    name,
    command: [
      'vitest',
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...files,
    ],
    timeoutMs,
    report,
    ...(environment !== undefined && { environment }),
  };
}
