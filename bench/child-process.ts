import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A forked process that communicates by messages and ends with its parent. */
export class Child implements AsyncDisposable {
  readonly process: ChildProcess;

  /** @param entry a module beside this one */
  constructor(
    entry: string,
    args: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ) {
    const file = fileURLToPath(new URL(entry, import.meta.url));
    this.process = fork(file, args, { env: { ...process.env, ...environment } });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  send(message: Readonly<Record<string, unknown>> | string): void {
    this.process.send(message);
  }

  /** Waits for the next message. */
  async nextMessage(): Promise<unknown> {
    const [message] = (await once(this.process, 'message')) as [unknown];
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, 'exit');
    this.process.kill();
    await exited;
  }
}
