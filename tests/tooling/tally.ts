import { readFileSync } from 'node:fs';

export type Tally = Readonly<{ passed: number; failed: number; skipped: number }>;

export function sum(tallies: readonly Tally[]): Tally {
  const total = (field: keyof Tally): number =>
    tallies.reduce((subtotal, tally) => subtotal + tally[field], 0);
  return { passed: total('passed'), failed: total('failed'), skipped: total('skipped') };
}

/** A tool counts as one test. */
export function toolTally(ok: boolean): Tally {
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/**
 * Counts the tests in a JSON report of vitest. A run that failed without a failed test (a file that does not load, an
 * error between tests, no report) counts as one failure.
 */
export function reportTally(path: string, ok: boolean): Tally {
  const report = readReport(path);
  const failed = count(report, 'numFailedTests');
  return {
    passed: count(report, 'numPassedTests'),
    failed: ok ? failed : Math.max(failed, 1),
    skipped: count(report, 'numPendingTests') + count(report, 'numTodoTests'),
  };
}

/** `N passed, N failed`, with `N skipped` if any. */
export function summaryLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** True when at least one test ran and none failed. */
export function isSuccess({ passed, failed }: Tally): boolean {
  return passed > 0 && failed === 0;
}

function readReport(path: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Readonly<Record<string, unknown>>;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw error;
  }
}

function count(report: Readonly<Record<string, unknown>>, field: string): number {
  const value = report[field];
  return typeof value === 'number' ? value : 0;
}
