import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { DatabaseAddress } from '../../../src/ports/database-address.ts';

const entry = fileURLToPath(new URL('storage-process-main.ts', import.meta.url));

/** Task of the process until it is killed: `write` enqueues messages, `work` claims a job and never finishes it. */
export type StorageTask = 'write' | 'work';

/** A child process on a test's database, for SIGKILL. */
export class StorageProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Printed lines: ids of messages stored durably, or of the claimed job. */
  readonly lines: string[] = [];
  stderr = '';

  constructor(task: StorageTask, address: DatabaseAddress) {
    this.#child = spawn(process.execPath, [entry, task, JSON.stringify(address)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let partialLine = '';
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      const parts = (partialLine + chunk.toString()).split('\n');
      partialLine = parts.pop() ?? '';
      this.lines.push(...parts);
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
  }

  /** Sends SIGKILL. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  /** Resolves with the exit code when it ends by itself. */
  async waitForExit(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
