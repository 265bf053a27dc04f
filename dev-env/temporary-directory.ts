import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A directory that is removed when it is disposed, with the lock file that a server leaves beside it. */
export class TemporaryDirectory implements Disposable {
  readonly path: string = mkdtempSync(path.join(tmpdir(), 'marketplace-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
    rmSync(`${this.path}.lock`, { force: true });
  }
}
