import { DatabaseSync } from 'node:sqlite';

/** Another live process holds the lock. */
export class DirectoryInUseError extends Error {
  override readonly name = 'DirectoryInUseError';
}

/**
 * Locks a directory against other processes by an OS file lock, held through SQLite on a file beside the directory. The OS
 * releases it when the process dies, also after kill -9, without a race for a stale lock.
 */
export class DirectoryLock implements Disposable {
  readonly #file: DatabaseSync;

  /**
   * @param inUseMessage message of the error, for the operator
   * @throws DirectoryInUseError
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
