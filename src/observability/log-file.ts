import { type FileHandle, open, rename } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

export type LogFileOptions = Readonly<{
  /** Ends in `.log`; the older files are named `…1.log`, `…2.log`. */
  path: string;
  /** Size from which on a new file is begun. */
  maxBytes: number;
  /** How many files there may be, the newest included. */
  maxFiles: number;
  /** Called once an outage. */
  onError: (error: unknown) => void;
}>;

/** Lines of so long are written together: under load a write for each costs more than all else that is done for a line. */
const batchDelayMs = 10;

/**
 * A log file, rotated by size. A disk that is full costs the lines of that time and nothing else: neither the other
 * destinations of the log nor the end of the process wait for it.
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
