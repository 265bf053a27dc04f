import { spawn } from 'node:child_process';

export type Command = readonly [program: string, ...args: string[]];

export type StepOutcome = Readonly<{
  ok: boolean;
  /** Standard output and errors in the order of arrival. */
  output: string;
  durationMs: number;
}>;

/**
 * Runs a command in a process group of its own, which ends with it: nothing that a suite started outlives the suite.
 * A command past `timeoutMs`, or running when `signal` aborts, is killed and counts as failed.
 */
export async function runStep(
  command: Command,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<StepOutcome> {
  const [program, ...args] = command;
  const startedAt = performance.now();
  const child = spawn(program, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const endGroup = (): void => endProcessGroup(child.pid);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  deadline.addEventListener('abort', endGroup);

  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));

  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`${program} did not start: ${error.message}`));
    child.once('exit', endGroup);
    child.once('close', (code, killedBy) =>
      resolve(code === 0 ? undefined : `Ended by ${killedBy ?? `exit code ${code}`}`),
    );
  });
  deadline.removeEventListener('abort', endGroup);

  const timeoutMessage = deadline.aborted && !signal.aborted ? [`Not done after ${timeoutMs / 1000} s`] : [];
  const output = [
    Buffer.concat(chunks).toString().trimEnd(),
    ...timeoutMessage,
    ...(failure ? [failure] : []),
  ];
  return {
    ok: failure === undefined,
    output: output.filter((part) => part !== '').join('\n'),
    durationMs: performance.now() - startedAt,
  };
}

function endProcessGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && error.code === 'ESRCH';
    if (!isGone) throw error;
  }
}
