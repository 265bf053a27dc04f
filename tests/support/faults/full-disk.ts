import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const blockBytes = 4096;

/** A file system of a few megabytes over a directory. Needs the right to mount: the tests run as root. */
export class FullDisk implements Disposable {
  readonly #directory: string;

  /** @param options `files`: how many fit, its root among them; 0: any number. @throws when it cannot be mounted */
  constructor(directory: string, { megabytes = 16, files = 0 } = {}) {
    this.#directory = directory;
    const options = `size=${megabytes}m,nr_inodes=${files},mode=700`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]);
  }

  /** Leaves room for that many blocks of 4 KB. */
  fill(blocksLeft = 0): void {
    try {
      for (let file = 0; ; file += 1)
        writeFileSync(join(this.#directory, `ballast-${file}`), Buffer.alloc(blockBytes));
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    }
    for (let file = 0; file < blocksLeft; file += 1) rmSync(join(this.#directory, `ballast-${file}`));
  }

  free(): void {
    for (const name of readdirSync(this.#directory)) {
      if (name.startsWith('ballast-')) rmSync(join(this.#directory, name));
    }
  }

  /** Nothing may be open for writing on it. */
  remount(mode: 'ro' | 'rw'): void {
    execFileSync('mount', ['-o', `remount,${mode}`, this.#directory]);
  }

  /** Also while files on it are open. */
  [Symbol.dispose](): void {
    execFileSync('umount', ['--lazy', this.#directory]);
  }
}
