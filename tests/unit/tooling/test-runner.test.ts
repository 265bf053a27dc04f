import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../../dev-env/wait-for.ts';
import { runSteps } from '../../tooling/run-steps.ts';
import { resilienceSteps, slowSteps, type Step } from '../../tooling/steps.ts';
import { summaryLine, isSuccess, reportTally } from '../../tooling/tally.ts';

function script(name: string, source: string, timeoutMs = 20_000): Step {
  return { name, command: [process.execPath, '-e', source], timeoutMs };
}

describe('the test runner', { timeout: 30_000 }, () => {
  let folder = '';
  let printed: string[] = [];
  let stop = new AbortController();

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'test-runner-'));
    printed = [];
    stop = new AbortController();
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (...steps: Step[]) =>
    runSteps(steps, { concurrency: 2, signal: stop.signal, print: (text) => printed.push(text) });

  it('sums the results of parallel steps', async () => {
    const steps = ['a', 'b', 'c', 'd'].map((name) => script(name, ''));
    expect(summaryLine(await run(...steps))).toBe('4 passed, 0 failed');
  });

  it('prints the output of a failed step and not of a passing one', async () => {
    const tally = await run(
      script('good', `console.log('all is well')`),
      script('bad', `console.log('here'); console.error('it hurts'); process.exit(3)`),
    );
    expect(tally).toEqual({ passed: 1, failed: 1, skipped: 0 });
    expect(printed.join('\n')).toMatch(/FAILED {2}bad[^\n]*\nhere\nit hurts\nEnded by exit code 3/u);
    expect(printed.join('\n')).not.toContain('all is well');
  });

  it('prints the output of a live step as it arrives, and once', async () => {
    const source = `console.log('half way'); setTimeout(() => process.exit(3), 200)`;
    await run({ ...script('long', source), output: 'live' });
    expect(printed.slice(0, 2)).toEqual(['start   long', 'half way']);
    expect(printed.join('\n').match(/half way/gu)).toHaveLength(1);
  });

  it('adds the environment of a step to its own', async () => {
    const source = `console.log(process.env.TEST_ENGINES, process.env.PATH !== undefined)`;
    await run({ ...script('matrix', source), environment: { TEST_ENGINES: 'all' }, output: 'always' });
    expect(printed.join('\n')).toContain('all true');
  });

  it('fails a step whose program does not exist', async () => {
    const tally = await run({ name: 'absent', command: ['no-such-program'], timeoutMs: 20_000 });
    expect(tally.failed).toBe(1);
    expect(printed.join('\n')).toContain('no-such-program did not start');
  });

  it('kills a hanging step and its child processes', async () => {
    const pidFile = join(folder, 'pid');
    const hang = `const child = require('node:child_process').spawn('sleep', ['600'], { stdio: 'inherit' });
      require('node:fs').writeFileSync(${JSON.stringify(pidFile)}, String(child.pid));`;
    const tally = await run(script('hanging', hang, 1500));
    expect(tally.failed).toBe(1);
    expect(printed.join('\n')).toContain('Not done after 1.5 s');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await waitFor('the end of the grandchild', () => !isRunning(pid));
  });

  it('starts no further step after an abort', async () => {
    stop.abort();
    const tally = await run(script('late', ''));
    expect(isSuccess(tally)).toBe(false);
    expect(printed).toEqual([]);
  });

  it('counts the tests of a report', () => {
    const report = join(folder, 'report.json');
    writeFileSync(
      report,
      JSON.stringify({ numPassedTests: 7, numFailedTests: 2, numPendingTests: 1, numTodoTests: 3 }),
    );
    expect(summaryLine(reportTally(report, false))).toBe('7 passed, 2 failed, 4 skipped');
  });

  it('counts a suite that failed outside its tests or wrote no report as a failure', () => {
    const report = join(folder, 'report.json');
    writeFileSync(report, JSON.stringify({ numPassedTests: 7, numFailedTests: 0 }));
    expect(reportTally(report, false)).toEqual({ passed: 7, failed: 1, skipped: 0 });
    expect(reportTally(join(folder, 'absent.json'), false)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });

  it('treats a run without tests as a failure', () => {
    expect(isSuccess({ passed: 0, failed: 0, skipped: 5 })).toBe(false);
  });
});

describe('the steps', () => {
  const root = resolve(import.meta.dirname, '../../..');
  const files = (steps: readonly Step[]): string[] =>
    steps.flatMap(({ command }) => command.filter((argument) => argument.endsWith('.test.ts')));

  it('of make resilience run every suite of tests/resilience', () => {
    expect(files(resilienceSteps(''))).toEqual(
      expect.arrayContaining(globSync('tests/resilience/*.test.ts', { cwd: root })),
    );
  });

  it('of make resilience run the suites that choose their engines', () => {
    const [matrix] = resilienceSteps('');
    expect(matrix?.environment).toMatchObject({ TEST_ENGINES: 'all' });
    expect(matrix?.command).toContain('tests/integration/storage/messages/messages.test.ts');
    expect(matrix?.command).not.toContain('tests/integration/storage/database/pglite.test.ts');
  });

  it('name files that exist', () => {
    const named = files([...slowSteps(''), ...resilienceSteps('')]);
    expect(named.filter((file) => globSync(file, { cwd: root }).length === 0)).toEqual([]);
  });
});

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
