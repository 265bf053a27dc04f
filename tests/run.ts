import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSteps } from './tooling/run-steps.ts';
import { checks, slowSteps } from './tooling/steps.ts';
import { summaryLine, isSuccess, sum } from './tooling/tally.ts';

/** `node tests/run.ts` runs everything, `node tests/run.ts check` what is quick. The last line is the sum. */
const isCheckOnly = process.argv[2] === 'check';
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());

const reports = mkdtempSync(join(tmpdir(), 'test-reports-'));
try {
  const options = { signal: stop.signal, print: console.log };
  const quick = await runSteps(checks(reports), { ...options, concurrency: availableParallelism() });
  const slow = await runSteps(isCheckOnly ? [] : slowSteps(reports), { ...options, concurrency: 1 });
  const total = sum([quick, slow]);
  console.log(summaryLine(total));
  process.exitCode = isSuccess(total) && !stop.signal.aborted ? 0 : 1;
} finally {
  rmSync(reports, { recursive: true });
}
