import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSteps } from './tooling/run-steps.ts';
import { checks, resilienceSteps, slowSteps, type Step } from './tooling/steps.ts';
import { isSuccess, sum, summaryLine } from './tooling/tally.ts';

/**
 * `node tests/run.ts` runs the checks and every suite of `make test`, `check` only the checks, `resilience [STEP…]` the
 * long suites. The last line is the sum.
 */
const [selection, ...stepNames] = process.argv.slice(2);
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

const reports = mkdtempSync(join(tmpdir(), 'test-reports-'));
try {
  const { parallel, sequential } = select();
  const options = { signal: stop.signal, print: console.log };
  const total = sum([
    await runSteps(parallel, { ...options, concurrency: availableParallelism() }),
    await runSteps(sequential, { ...options, concurrency: 1 }),
  ]);
  console.log(summaryLine(total));
  process.exitCode = isSuccess(total) && !stop.signal.aborted ? 0 : 1;
} finally {
  rmSync(reports, { recursive: true });
}

function select(): Readonly<{ parallel: readonly Step[]; sequential: readonly Step[] }> {
  switch (selection) {
    case undefined:
      return { parallel: checks(reports), sequential: slowSteps(reports) };
    case 'check':
      return { parallel: checks(reports), sequential: [] };
    case 'resilience':
      return { parallel: [], sequential: chosen(resilienceSteps(reports)) };
    default:
      throw new Error(`Unknown selection ${selection}: use check, resilience or none`);
  }
}

function chosen(steps: readonly Step[]): readonly Step[] {
  const names = steps.map(({ name }) => name);
  const unknown = stepNames.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`Unknown step ${unknown.join(', ')}: there are ${names.join(', ')}`);
  return stepNames.length === 0 ? steps : steps.filter(({ name }) => stepNames.includes(name));
}
