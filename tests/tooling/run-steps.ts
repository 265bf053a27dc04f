import { runStep } from './run-step.ts';
import type { Step } from './steps.ts';
import { summaryLine, sum, type Tally, reportTally, toolTally } from './tally.ts';

export type RunOptions = Readonly<{
  /** Maximum number of parallel steps. */
  concurrency: number;
  signal: AbortSignal;
  print: (text: string) => void;
}>;

/** Runs the steps, prints a line for each and the output of those that failed. After an abort no further step starts. */
export async function runSteps(steps: readonly Step[], options: RunOptions): Promise<Tally> {
  const waiting = [...steps];
  const tallies: Tally[] = [];
  const workers = Array.from({ length: options.concurrency }, async () => {
    for (let step = waiting.shift(); step !== undefined && !options.signal.aborted; step = waiting.shift()) {
      tallies.push(await runAndPrint(step, options));
    }
  });
  await Promise.all(workers);
  return sum(tallies);
}

async function runAndPrint(step: Step, { signal, print }: RunOptions): Promise<Tally> {
  const isLive = step.output === 'live';
  if (isLive) print(`start   ${step.name}`);
  const { ok, output, durationMs } = await runStep(step.command, {
    timeoutMs: step.timeoutMs,
    signal,
    ...(step.environment !== undefined && { environment: step.environment }),
    ...(isLive && { onOutput: (text: string) => print(text.trimEnd()) }),
  });
  const tally = step.report === undefined ? toolTally(ok) : reportTally(step.report, ok);
  const seconds = (durationMs / 1000).toFixed(1).padStart(6);
  const detail = step.report === undefined ? '' : `  ${summaryLine(tally)}`;
  print(`${ok ? 'ok    ' : 'FAILED'}  ${step.name.padEnd(24)} ${seconds} s${detail}`);
  const isPrinted = step.output === 'always' || (!ok && !isLive);
  if (isPrinted && output !== '') print(`${output}\n`);
  return tally;
}
