import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import autocannon from 'autocannon';

/** A server under measurement, in its own process. */
export type Contender = Readonly<{ name: string; url: string; pid: number }>;

export type Slice = Readonly<{
  perSecond: number;
  /** CPU time of the contender per acknowledgement, in microseconds. */
  cpuMicros: number;
}>;

export type Load = Readonly<{
  seconds: number;
  connections: number;
  /** Returns a body that was not posted before. */
  nextBody: () => string;
}>;

/** Linux counts CPU time in hundredths of a second. */
const tickMicros = 10_000;

/** Time for writes in flight to end: a write interrupted by SIGSTOP would look like a database timeout. */
const drainDelayMs = 250;

/** Keeps all threads of a process on one core. */
export function pin(pid: number, core: number): void {
  execFileSync('taskset', ['-a', '-c', '-p', String(core), String(pid)], { stdio: 'ignore' });
}

/** Posts as fast as responses arrive. @throws Error after a response other than 200 */
export async function measure({ name, url, pid }: Contender, load: Load): Promise<Slice> {
  const cpuBefore = readCpuMicros(pid);
  const result = await autocannon({
    url,
    method: 'POST',
    connections: load.connections,
    duration: load.seconds,
    headers: { 'content-type': 'application/json' },
    requests: [{ setupRequest: (request) => ({ ...request, body: load.nextBody() }) }],
  });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${name}: ${result.non2xx} refusals, ${result.errors} errors`);
  return {
    perSecond: result['2xx'] / result.duration,
    cpuMicros: (readCpuMicros(pid) - cpuBefore) / result['2xx'],
  };
}

/**
 * Stops the other contenders (SIGSTOP) during the work: a server would otherwise process its own backlog in the slice of
 * another. A stop of some seconds is well within its leases.
 */
export async function runExclusively<Result>(
  others: readonly Contender[],
  work: () => Promise<Result>,
): Promise<Result> {
  await delay(drainDelayMs);
  for (const { pid } of others) process.kill(pid, 'SIGSTOP');
  try {
    return await work();
  } finally {
    for (const { pid } of others) process.kill(pid, 'SIGCONT');
  }
}

function readCpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMicros;
}
