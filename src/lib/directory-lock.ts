import { DatabaseSync } from 'node:sqlite';

export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
}

/**
 * Keeps a second process out of a directory. The lock is the operating system's, held through SQLite on a file beside
 * the directory: it goes with the process, also after kill -9, and two processes cannot both take over a dead one.
 */
export class DirectoryLock implements Disposable {
  readonly #file: DatabaseSync;

  /**
   * @param inUseMessage what a person is told when another process is there
   * @throws DirectoryInUseError when a live process holds it
   */
  constructor(directory: string, inUseMessage: string) {
    this.#file = new DatabaseSync(`${directory}.lock`);
    try {
      this.#file.exec('pragma busy_timeout = 0; pragma journal_mode = memory; begin exclusive');
    } catch (cause) {
      this.#file.close();
      throw new DirectoryInUseError(inUseMessage, { cause });
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}
