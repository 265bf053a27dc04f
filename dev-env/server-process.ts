import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { waitFor } from './wait-for.ts';

const entry = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Halves the load time of the modules. */
const compileCache = fileURLToPath(new URL('../node_modules/.cache/node', import.meta.url));

type Running = Readonly<{ child: ChildProcess; lines: Record<string, unknown>[] }>;

/** The server in its own process, as in production. */
export class ServerProcess implements AsyncDisposable {
  readonly #directory: string;
  #environment: Readonly<Record<string, string>>;
  #running: Running | undefined;
  #url: string | undefined;
  /** stdout and stderr of all runs. */
  output = '';

  /** @param directory working directory; not the project's, whose `.env` may name a real database */
  constructor(directory: string, environment: Readonly<Record<string, string>>) {
    this.#directory = directory;
    this.#environment = environment;
  }

  /** Base URL; the same after a restart. */
  get url(): string {
    if (this.#url === undefined) throw new Error('The server has not been started');
    return this.#url;
  }

  get pid(): number {
    const pid = this.#running?.child.pid;
    if (pid === undefined) throw new Error('Server is not running');
    return pid;
  }

  /** Takes effect at the next start. */
  reconfigure(changes: Readonly<Record<string, string>>): void {
    this.#environment = { ...this.#environment, ...changes };
  }

  /** Resolves when the server logs `Ready`. */
  async start(timeoutMs = 60_000): Promise<void> {
    const child = spawn(process.execPath, [entry], {
      cwd: this.#directory,
      env: {
        PATH: process.env['PATH'] ?? '',
        NODE_COMPILE_CACHE: compileCache,
        PORT: this.#url === undefined ? '0' : new URL(this.#url).port,
        ...this.#environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const lines: Record<string, unknown>[] = [];
    child.stderr.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.output += `${line}\n`;
      if (line.startsWith('{')) lines.push(JSON.parse(line) as Record<string, unknown>);
    });
    this.#running = { child, lines };
    const ready = await waitFor(
      'the server to be ready',
      () => {
        if (hasExited(child))
          throw new Error(`The server exited with ${child.exitCode ?? child.signalCode}:\n${this.output}`);
        return lines.find(({ message }) => message === 'Ready');
      },
      timeoutMs,
    );
    this.#url = String(ready['listening']);
  }

  /** Sends a signal and waits for the exit. @returns the exit code, null after a kill by signal */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#running?.child;
    this.#running = undefined;
    if (child === undefined || hasExited(child)) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  }

  /** SIGKILL: no handler runs. */
  async kill(): Promise<void> {
    await this.stop('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}
