import { type FileHandle, open, rename } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

export type LogFileOptions = Readonly<{
  /** Ends in `.log`; rotated files get the suffix `1.log`, `2.log`, … */
  path: string;
  /** A file of this size or more is rotated before the next write. */
  maxBytes: number;
  /** Number of files kept, the current one included. */
  maxFiles: number;
  /** Called for the first of consecutive failures. */
  onError: (error: unknown) => void;
}>;

/** Lines are batched for this long: under load one write for each line would dominate the cost of logging. */
const batchDelayMs = 10;

/**
 * A log file, rotated by size. While writes fail, for example on a full disk, its lines are dropped and nothing waits for
 * them: neither the other transports nor the exit of the process.
 */
export class LogFile extends Writable {
  readonly #options: LogFileOptions;
  #file: FileHandle | undefined;
  #bytes = 0;
  #failing = false;

  constructor(options: LogFileOptions) {
    super();
    this.#options = options;
  }

  override _writev(lines: readonly Readonly<{ chunk: Buffer }>[], done: () => void): void {
    void this.#reportErrors(async () => {
      await this.#append(Buffer.concat(lines.map(({ chunk }) => chunk)));
      if (!this.writableEnded) await delay(batchDelayMs);
    }, done);
  }

  override _final(done: () => void): void {
    void this.#reportErrors(() => this.#close(), done);
  }

  async #reportErrors(work: () => Promise<void>, done: () => void): Promise<void> {
    try {
      await work();
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.onError(error);
      this.#failing = true;
    }
    done();
  }

  async #append(lines: Buffer): Promise<void> {
    let file = this.#file ?? (await this.#open());
    if (this.#bytes >= this.#options.maxBytes) {
      await this.#close();
      await this.#rotate();
      file = await this.#open();
    }
    await file.appendFile(lines);
    this.#bytes += lines.length;
  }

  async #open(): Promise<FileHandle> {
    const file = await open(this.#options.path, 'a');
    this.#file = file;
    this.#bytes = (await file.stat()).size;
    return file;
  }

  async #close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  async #rotate(): Promise<void> {
    for (let age = this.#options.maxFiles - 1; age > 0; age -= 1) {
      try {
        await rename(this.#filePath(age - 1), this.#filePath(age));
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
      }
    }
  }

  #filePath(age: number): string {
    return age === 0 ? this.#options.path : this.#options.path.replace(/(?:\.log)?$/, `${age}.log`);
  }
}
