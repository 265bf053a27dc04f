import { spawn } from 'node:child_process';

export type Command = readonly [program: string, ...args: string[]];

export type StepOutcome = Readonly<{
  ok: boolean;
  /** Standard output and errors in the order of arrival. */
  output: string;
  durationMs: number;
}>;

export type StepOptions = Readonly<{
  timeoutMs: number;
  signal: AbortSignal;
  /** Added to the environment of this process. */
  environment?: Readonly<Record<string, string>>;
  /** Called with each piece of output as it arrives. */
  onOutput?: (text: string) => void;
}>;

/**
 * Runs a command in its own process group and kills the group when the command exits, so that no child of a suite
 * outlives it. A command that exceeds `timeoutMs`, or runs when `signal` aborts, is killed and counts as failed.
 */
export async function runStep(command: Command, options: StepOptions): Promise<StepOutcome> {
  const { timeoutMs, signal, environment, onOutput } = options;
  const [program, ...args] = command;
  const startedAt = performance.now();
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const endGroup = (): void => endProcessGroup(child.pid);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  deadline.addEventListener('abort', endGroup);

  const chunks: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      onOutput?.(chunk.toString());
    });
  }

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
